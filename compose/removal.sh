# Removing what a stack has left on this machine, sourced by `compose/stack` and `embedded/stack`.

# confirm_removal OWNER THINGS: lists the things; returns when they are to be removed, and ends the command otherwise.
confirm_removal() {
  local answer=
  echo "These things of $1 will be removed, with all data in them:"
  sed 's/^/  /' <<<"$2"
  case ${FORCE:-0} in
  0 | false | no) ;;
  *) return ;;
  esac
  if ! [ -t 0 ]; then
    echo "Nothing is removed: there is no terminal to ask on. FORCE=1 removes without a question." >&2
    exit 1
  fi
  read -r -p "Remove them? [y/N] " answer || true
  case $answer in
  y | Y | yes) ;;
  *) echo "Nothing is removed." >&2 && exit 1 ;;
  esac
}

# list KIND FILTER…: the names of what fits all the filters.
list() {
  local kind=$1 filter filters=()
  shift
  for filter in "$@"; do filters+=(--filter "$filter"); done
  case $kind in
  containers) docker ps --all --format '{{.Names}}' "${filters[@]}" ;;
  networks) docker network ls --format '{{.Name}}' "${filters[@]}" ;;
  volumes) docker volume ls --format '{{.Name}}' "${filters[@]}" ;;
  images) docker images --format '{{if eq .Tag "<none>"}}{{.ID}}{{else}}{{.Repository}}:{{.Tag}}{{end}}' "${filters[@]}" ;;
  esac
}

# remove KIND DOCKER-COMMAND…: removes the things that standard input names, and says so.
remove() {
  local kind=$1 name
  shift
  while read -r name; do docker "$@" "$name" >/dev/null && echo "removed $kind $name"; done
}
