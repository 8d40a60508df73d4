# The secrets of the embedded shape as files for its own user, sourced by `embedded/stack`: variables can be read in /proc.

secrets=(AUTH_KEY SECRET_KEY ADMIN_PASSWORD PUB_AUTH_TOKEN)
declare -A values
for name in "${secrets[@]}"; do values[$name]=${!name:-}; done
unset "${secrets[@]}" ADMIN_TOKEN IMAGE_BUILDER_AUTH_TOKEN POSTGRES_PASSWORD name
admin_password_is_set=${values[ADMIN_PASSWORD]}
export SECRETS_DIR=$RACETRACK_DATA/secrets

# Running services keep what they were started with.
write_secrets() {
  local name
  mkdir -p "$SECRETS_DIR"
  for name in "${secrets[@]}"; do
    printf '%s' "${values[$name]}" >"$SECRETS_DIR/.$name"
    mv "$SECRETS_DIR/.$name" "$SECRETS_DIR/$name"
  done
}

# with_secrets COMMAND…: runs a command of Lifecycle.
with_secrets() { AUTH_KEY_FILE=$SECRETS_DIR/AUTH_KEY SECRET_KEY_FILE=$SECRETS_DIR/SECRET_KEY "$@"; }

# Closes the data, which earlier versions left open to all users of the machine, and the file of the operator's own secrets.
close_data() {
  # The builder's umask is that of files for jobs, so it finds its own directories made.
  mkdir -p "$PLUGINS_DIR" "$WORKSPACES_DIR" "$BUILD_LOGS_DIR"
  chmod "$(describe_mode)" "$RACETRACK_DATA"
  find "$RACETRACK_DATA" -mindepth 1 -maxdepth 1 -user "$(id -u)" ! -type l ! -name images ! -name environments ! -name homes -exec chmod go-rwx {} +
  if [ -O "$root/.env.local" ]; then chmod go-rwx "$root/.env.local"; fi
}

# Root's jobs run as users of their own, who pass through here to what is theirs; they can't list it.
describe_mode() { if [ "$(id -u)" = 0 ]; then echo 0711; else echo 0700; fi; }
