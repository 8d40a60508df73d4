# Whose a compose project is, sourced by `compose/stack`: every clone has the same project name unless COMPOSE_PROJECT_NAME is set.
# The mark is an empty volume, because volumes with data outlive the containers, and their labels can't be changed.

mark=${COMPOSE_PROJECT_NAME}_clone

label_of_project() { echo "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"; }

# The directory of the clone that started the project; empty when nothing tells it.
find_owner() {
  docker volume ls --filter "name=^$mark$" --format '{{.Label "racetrack-clone"}}' | grep . && return
  # Before there were marks, compose itself wrote the directory on the containers.
  docker ps --all --filter "$(label_of_project)" --format '{{.Label "com.docker.compose.project.working_dir"}}' | sort -u | tail -n 1
}

is_own() {
  local owner
  owner=$(find_owner)
  [ -n "$owner" ] && [ "$owner" -ef "$root" ]
}

# claim: makes a project without an owner this clone's, and ends the command when it is another clone's.
claim() {
  local owner
  owner=$(find_owner)
  if [ -z "$owner" ]; then
    write_mark
  elif [ ! -d "$owner" ]; then
    echo "The compose project $COMPOSE_PROJECT_NAME was started in $owner, which is gone: now it belongs to this clone." >&2
    adopt
  fi
  check_own
}

adopt() {
  docker volume rm "$mark" >/dev/null 2>&1 || true
  write_mark
}

write_mark() {
  docker volume create --label "racetrack-clone=$root" --label "com.docker.compose.project=$COMPOSE_PROJECT_NAME" "$mark" >/dev/null
}

check_own() {
  if [ -z "$(find_owner)" ] || is_own; then return; fi
  say_whose >&2
  exit 1
}

say_whose() {
  local owner
  owner=$(find_owner)
  if [ -z "$owner" ]; then
    echo "The Docker engine doesn't tell which clone has started the compose project $COMPOSE_PROJECT_NAME."
    echo "If it is this one's: \`compose/stack adopt\`."
  elif [ -d "$owner" ]; then
    echo "The compose project $COMPOSE_PROJECT_NAME belongs to another clone: $owner"
    echo "Call the command there. A stack of this clone needs COMPOSE_PROJECT_NAME, TAG and ports of its own: see Settings in docs/compose.md."
  else
    echo "The compose project $COMPOSE_PROJECT_NAME was started in $owner, which is not on this machine (any more)."
    echo "If no other clone uses it: \`compose/stack adopt\` makes it this clone's."
  fi
}
