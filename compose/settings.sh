# Settings of the compose shape, sourced by the scripts beside it. `docker-compose.yaml` has the defaults of what is not here.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
env_files=(--env-file "$root/.env")
if [ -e "$root/.env.local" ]; then env_files+=(--env-file "$root/.env.local"); fi

set -a
DOCKER_SOCKET=${DOCKER_SOCKET:-/var/run/docker.sock}
# The services run without root, so they join the group that may talk to the engine.
DOCKER_GID=${DOCKER_GID:-$(stat -c %g "$DOCKER_SOCKET" 2>/dev/null || echo 0)}
GIT_VERSION=${GIT_VERSION:-$(git -C "$root" describe --long --tags --dirty --always 2>/dev/null || echo dev)}
LIFECYCLE_PORT=${LIFECYCLE_PORT:-7102}
DASHBOARD_PORT=${DASHBOARD_PORT:-7103}
PUB_PORT=${PUB_PORT:-7105}
SUPERVISOR_PORT=${SUPERVISOR_PORT:-7106}
IMAGE_BUILDER_PORT=${IMAGE_BUILDER_PORT:-7101}
COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-racetrack}
RACETRACK_NETWORK=${RACETRACK_NETWORK:-${COMPOSE_PROJECT_NAME}_default}
set +a

compose() { docker compose --project-directory "$root" "${env_files[@]}" "$@"; }

check_engine() {
  docker info >/dev/null 2>&1 && return
  echo "No Docker engine answers \`docker info\`: start it, or let this user reach it (group docker)." >&2
  exit 1
}
