# Settings of the embedded shape, sourced by `embedded/stack` and by each component's `make run`.
# Values come from .env, from .env.local over it (yours, not tracked), and from the environment over both.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
set -a
# Without what bash itself keeps read-only, such as an exported SHELLOPTS.
given=$(export -p | sed -e '/^declare -[a-zA-Z]*r/d' -e 's/^declare -x/export/')
# shellcheck disable=SC1091
source "$root/.env"
# shellcheck disable=SC1091
if [ -e "$root/.env.local" ]; then source "$root/.env.local"; fi
eval "$given"
unset given
RACETRACK_BIN=${RACETRACK_BIN:-$root/venv/bin}
RACETRACK_DATA=${RACETRACK_DATA:-$root/data}
PATH=$RACETRACK_BIN:$PATH

IMAGE_BUILDER_PORT=${IMAGE_BUILDER_PORT:-7201}
LIFECYCLE_PORT=${LIFECYCLE_PORT:-7202}
DASHBOARD_PORT=${DASHBOARD_PORT:-7203}
PUB_PORT=${PUB_PORT:-7205}
SUPERVISOR_PORT=${SUPERVISOR_PORT:-7206}
HTTP_ADDR=${HTTP_ADDR:-127.0.0.1}

IMAGE_BUILDER_URL=http://127.0.0.1:$IMAGE_BUILDER_PORT
LIFECYCLE_URL=http://127.0.0.1:$LIFECYCLE_PORT/lifecycle
INTERNAL_PUB_URL=http://127.0.0.1:$PUB_PORT/pub
# What clients are told; other machines need this one's name here, and HTTP_ADDR=0.0.0.0.
EXTERNAL_LIFECYCLE_URL=${EXTERNAL_LIFECYCLE_URL:-$LIFECYCLE_URL}
EXTERNAL_PUB_URL=${EXTERNAL_PUB_URL:-$INTERNAL_PUB_URL}
EXTERNAL_DASHBOARD_URL=${EXTERNAL_DASHBOARD_URL:-http://127.0.0.1:$DASHBOARD_PORT/dashboard}
READY_TIMEOUT=${READY_TIMEOUT:-180}
JOBS_TIMEOUT=${JOBS_TIMEOUT:-60}

INFRASTRUCTURE_TARGET=${INFRASTRUCTURE_TARGET:-process}
DB_TYPE=${DB_TYPE:-sqlite}
DB_PATH=$RACETRACK_DATA/racetrack.sqlite3
PLUGINS_DIR=$RACETRACK_DATA/plugins
BUNDLED_PLUGINS_DIR=$root/build/plugins
IMAGES_DIR=$RACETRACK_DATA/images
ENVIRONMENTS_DIR=$RACETRACK_DATA/environments
WORKSPACES_DIR=$RACETRACK_DATA/workspaces
JOB_HOMES_DIR=$RACETRACK_DATA/homes
JOB_LOGS_DIR=$RACETRACK_DATA/logs/jobs
BUILD_LOGS_DIR=$RACETRACK_DATA/logs/builds
# What the infrastructure targets run: `BUILT_IN_TARGETS=process,docker make up` has images of both kinds.
IMAGE_KINDS=${IMAGE_KINDS:-${BUILT_IN_TARGETS:-process}}
# Containers beside a Lifecycle that is none: they publish ports. A compose stack and the stacks of other clones on the same engine are
# other platforms, whose containers this one would take for leftovers of its own.
PLATFORM_NAME=${PLATFORM_NAME:-racetrack-embedded-$(cksum <<<"$RACETRACK_DATA" | cut -d ' ' -f 1)}
DOCKER_NETWORK=${DOCKER_NETWORK:-$PLATFORM_NAME}
DOCKER_PUBLISH_HOST=${DOCKER_PUBLISH_HOST:-127.0.0.1}
# They reach PUB only when it listens on more than the loopback address: HTTP_ADDR=0.0.0.0.
DOCKER_PUB_URL=${DOCKER_PUB_URL:-http://host.docker.internal:$PUB_PORT/pub}
LOG_LEVEL=${LOG_LEVEL:-info}
# Threads of one service share memory arenas instead of growing one each.
MALLOC_ARENA_MAX=2
# Holds the password of the first user when one was generated.
FIRST_PASSWORD_FILE=$RACETRACK_DATA/first-password
set +a
# Files of the platform are for its own user; what jobs may read gets its modes from the services.
umask 077
mkdir -p "$RACETRACK_DATA/logs"
