# The secrets of an install, sourced by `kustomize/stack`: files for this user alone in build/, and Secrets of the cluster.

# Which service gets which: a service that was taken over knows no more than these.
declare -A secrets_of=(
  [postgres]="POSTGRES_PASSWORD"
  [lifecycle]="AUTH_KEY SECRET_KEY POSTGRES_PASSWORD ADMIN_PASSWORD FORWARDING_KEY"
  [image-builder]="AUTH_KEY"
  [pub]="LIFECYCLE_AUTH_TOKEN"
  [dashboard]="FORWARDING_KEY"
  [grafana]="GRAFANA_PASSWORD"
)

# prepare_secrets: leaves a file for each secret, that of the cluster where it has one: it belongs to the data there.
prepare_secrets() {
  local service name
  mkdir -p "$secrets"
  chmod go-rwx "$install" "$secrets"
  for service in "${!secrets_of[@]}"; do
    for name in ${secrets_of[$service]}; do
      [ -s "$secrets/$name" ] || read_secret "$service" "$name" | keep "$name"
    done
  done
  if in_kind; then keep_development_secrets; fi
  for name in AUTH_KEY SECRET_KEY POSTGRES_PASSWORD FORWARDING_KEY GRAFANA_PASSWORD; do
    [ -s "$secrets/$name" ] || openssl rand -hex 32 | keep "$name"
  done
  if ! in_kind; then
    [ -s "$secrets/ADMIN_PASSWORD" ] || openssl rand -hex 12 | keep ADMIN_PASSWORD
  fi
  [ -s "$secrets/LIFECYCLE_AUTH_TOKEN" ] || make_token_of_pub | keep LIFECYCLE_AUTH_TOKEN
}

# read_secret SERVICE NAME: the value in the newest Secret of the service; nothing where there is none.
read_secret() {
  k get secrets --selector="racetrack/secrets-of=$1" --sort-by=.metadata.creationTimestamp --output="jsonpath={.items[-1:].data.$2}" 2>/dev/null | base64 --decode || true
}

# The published ones, with which the token of the manual works; .env.local wins.
keep_development_secrets() {
  local name
  for name in AUTH_KEY SECRET_KEY POSTGRES_PASSWORD FORWARDING_KEY ADMIN_PASSWORD; do
    [ -s "$secrets/$name" ] || read_development_secret "$name" | keep "$name"
  done
  [ -s "$secrets/LIFECYCLE_AUTH_TOKEN" ] || read_development_secret PUB_AUTH_TOKEN | keep LIFECYCLE_AUTH_TOKEN
}

read_development_secret() {
  local file
  for file in "$root/.env.local" "$root/.env"; do
    [ -e "$file" ] && sed -nE "s/^$1=//p" "$file" | grep . && return
  done
  true
}

make_token_of_pub() {
  AUTH_KEY_FILE=$secrets/AUTH_KEY SECRET_KEY_FILE=$secrets/SECRET_KEY DEVELOPMENT_MODE=$(in_kind && echo true || echo false) \
    "$root/venv/bin/python" -m lifecycle generate-auth pub --short --scope call_job
}

# keep NAME: writes standard input into the file of a secret, without its last newline.
keep() {
  local value
  value=$(cat)
  (umask 077 && printf '%s' "$value" >"$secrets/.$1" && mv "$secrets/.$1" "$secrets/$1")
}

# describe_secrets SERVICE…: the generators of the services' Secrets. A changed secret changes the name, and so the pods.
describe_secrets() {
  local service name
  echo "secretGenerator:"
  for service in "$@"; do
    echo "  - name: $service-secrets"
    echo "    options: {labels: {racetrack/secrets-of: $service, app.kubernetes.io/part-of: racetrack}}"
    echo "    files:"
    for name in ${secrets_of[$service]}; do echo "      - secrets/$name"; done
  done
}
