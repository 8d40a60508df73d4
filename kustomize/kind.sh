# A cluster of kind on this machine, sourced by `kustomize/stack`.

KIND_NAME=${KIND_NAME:-racetrack}
kind_registry=racetrack-registry

# in_cluster_of_kind COMMAND: runs a command of this script there.
in_cluster_of_kind() {
  require_kind
  kind_runs || fail "There is no cluster $KIND_NAME of kind: \`make kind-up\` makes it."
  mkdir -p "$root/build/kind"
  (umask 077 && kind get kubeconfig --name "$KIND_NAME" >"$root/build/kind/kubeconfig")
  KIND_CLUSTER=$KIND_NAME KUBECONFIG=$root/build/kind/kubeconfig DOCKER_REGISTRY=$kind_registry:5000 "$here/stack" "$@"
}

kind_up() {
  require_kind
  check_engine
  start_registry
  if kind_runs; then
    echo "The cluster $KIND_NAME is there already."
  else
    mkdir -p "$root/build/kind"
    touch "$root/build/kind/created"
    kind create cluster --name "$KIND_NAME" --config "$here/kind/cluster.yaml" --wait 120s --kubeconfig "$root/build/kind/kubeconfig"
  fi
  connect_registry
  in_cluster_of_kind up
}

# Jobs' images are pushed there, from within the cluster, and pulled from there.
start_registry() {
  [ -z "$(docker ps --quiet --filter "name=^$kind_registry$")" ] || return 0
  docker start "$kind_registry" >/dev/null 2>&1 || docker run --detach --restart=always --name "$kind_registry" \
    --label racetrack-kind="$KIND_NAME" --publish 127.0.0.1:5000:5000 --env REGISTRY_STORAGE_DELETE_ENABLED=true registry:2 >/dev/null
}

# The nodes find the registry by its name, and speak plain HTTP to it.
connect_registry() {
  local node directory=/etc/containerd/certs.d/$kind_registry:5000
  docker network connect kind "$kind_registry" 2>/dev/null || true
  for node in $(kind get nodes --name "$KIND_NAME"); do
    docker exec "$node" mkdir -p "$directory"
    echo "[host.\"http://$kind_registry:5000\"]" | docker exec --interactive "$node" cp /dev/stdin "$directory/hosts.toml"
  done
}

kind_down() {
  if [ "$command" = clean ] && ! [ -e "$root/build/kind/created" ]; then return; fi
  require_kind
  kind delete cluster --name "$KIND_NAME"
  docker ps --all --quiet --filter "label=racetrack-kind=$KIND_NAME" | xargs -r docker rm --force --volumes >/dev/null
  if [ -e "$install/of-kind" ]; then remove_images && rm -rf "$install"; fi
  rm -rf "$root/build/kind"
}

kind_runs() { command -v kind >/dev/null && kind get clusters 2>/dev/null | grep -qx "$KIND_NAME"; }

require_kind() {
  command -v kind >/dev/null || fail "kind is not installed: https://kind.sigs.k8s.io/docs/user/quick-start/#installation tells how." \
    "Where there is a cluster already, \`make kube-up\` sets the platform up in that one of KUBECONFIG."
}
