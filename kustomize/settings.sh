# Settings of the platform in a cluster, sourced by the scripts beside it. docs/kubernetes.md explains them.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KUBE_NAMESPACE=${KUBE_NAMESPACE:-racetrack}
KUBE_COMPONENTS=${KUBE_COMPONENTS:-}
KUBE_BUILDKIT=${KUBE_BUILDKIT:-true}
KUBE_LOAD_IMAGES=${KUBE_LOAD_IMAGES:-}
KUBERNETES_IMAGE_PULL_SECRETS=${KUBERNETES_IMAGE_PULL_SECRETS:-}
DOCKER_REGISTRY=${DOCKER_REGISTRY:-}
DOCKER_REGISTRY_NAMESPACE=${DOCKER_REGISTRY_NAMESPACE:-racetrack}
INGRESS_HOST=${INGRESS_HOST:-}
INGRESS_CLASS=${INGRESS_CLASS:-}
INGRESS_TLS_SECRET=${INGRESS_TLS_SECRET:-racetrack-tls}
READY_TIMEOUT=${READY_TIMEOUT:-600}
GIT_VERSION=${GIT_VERSION:-$(git -C "$root" describe --long --tags --dirty --always 2>/dev/null || echo dev)}

install=$root/build/kubernetes/$KUBE_NAMESPACE # what this clone knows of its platform in the cluster
secrets=$install/secrets
images=(lifecycle image-builder pub dashboard)
part=app.kubernetes.io/part-of=racetrack
least_kubectl=24

# fail TEXT: ends the command with an error that says what to do.
fail() { echo "$*" >&2 && exit 1; }

# The first kubectl that can put the parts of kustomize/ together: that of PATH, or the one that `make setup` installs.
find_kubectl() {
  local program minor
  for program in "$(command -v kubectl)" "$root/venv/bin/kubectl"; do
    [ -x "$program" ] || continue
    minor=$("$program" version --client --output=json 2>/dev/null | sed -nE 's/.*"minor": "([0-9]+).*/\1/p' | head -n 1)
    [ "${minor:-0}" -ge $least_kubectl ] && echo "$program" && return
  done
  fail "There is no kubectl of release 1.$least_kubectl or later: \`make setup\` installs one on Linux," \
    "https://kubernetes.io/docs/tasks/tools/ tells how to install it elsewhere."
}

k() { "$kubectl" --request-timeout=60s --namespace="$KUBE_NAMESPACE" "$@"; }

check_cluster() {
  local answer
  kubectl=$(find_kubectl)
  answer=$("$kubectl" --request-timeout=15s get --raw /version 2>&1) || fail "No cluster answers kubectl: ${answer##*$'\n'}
KUBECONFIG must name the file of a cluster that you may administer. \`make kind-up\` makes a cluster on this machine."
  server_minor=$(sed -nE 's/.*"minor": "([0-9]+).*/\1/p' <<<"$answer")
  [ "${server_minor:-0}" -ge 20 ] || fail "The cluster is of release 1.${server_minor:-?}; Racetrack needs 1.20 or later."
}

check_engine() {
  docker info >/dev/null 2>&1 || fail "No Docker engine answers \`docker info\`: it builds the images of the services. Start it, or let this" \
    "user reach it (group docker)."
}

in_kind() { [ "${KIND_CLUSTER:-}" != "" ]; }
