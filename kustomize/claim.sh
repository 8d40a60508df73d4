# Whose a namespace is, and its removal, sourced by `kustomize/stack`. A namespace belongs to the clone that holds its uid in build/.

# claim: makes the namespace, or takes it over when it is Racetrack's. The secrets of another namespace are forgotten.
claim() {
  local uid
  uid=$(find_namespace)
  if [ -z "$uid" ]; then
    k create --filename=- >/dev/null <<YAML
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "$KUBE_NAMESPACE", "labels": {"app.kubernetes.io/part-of": "racetrack"}}}
YAML
    uid=$(find_namespace)
  fi
  [ -n "$(k get namespaces --selector="$part" --field-selector="metadata.name=$KUBE_NAMESPACE" --output=name)" ] || fail \
    "The namespace $KUBE_NAMESPACE is there already, and it is not Racetrack's. Choose another: KUBE_NAMESPACE=… make kube-up." \
    "If nothing else is in it: kubectl label namespace $KUBE_NAMESPACE $part"
  if [ "$(cat "$install/uid" 2>/dev/null)" != "$uid" ]; then rm -rf "$secrets"; fi
  mkdir -p "$install"
  echo "$uid" >"$install/uid"
  if in_kind; then touch "$install/of-kind"; else rm -f "$install/of-kind"; fi
}

find_namespace() { "$kubectl" --request-timeout=60s get namespace "$KUBE_NAMESPACE" --ignore-not-found --output='jsonpath={.metadata.uid}'; }

is_own() { [ -e "$install/uid" ] && [ "$(cat "$install/uid")" = "$(find_namespace)" ]; }

check_own() {
  is_own || fail "The namespace $KUBE_NAMESPACE of this cluster was not set up by this clone, so it is left alone." \
    "\`make kube-up\` takes it over."
}

clear_namespace() {
  check_cluster
  if [ -z "$(find_namespace)" ]; then
    echo "The cluster has no namespace $KUBE_NAMESPACE."
  else
    check_own
    confirm_removal "the namespace $KUBE_NAMESPACE" "$(list_things)"
    "$kubectl" delete namespace "$KUBE_NAMESPACE"
    remove_priority
  fi
  remove_images
  rm -rf "$install"
}

list_things() {
  k get deployments,statefulsets,persistentvolumeclaims --output=name
}

# The priority class has no namespace: it stays while another platform is in the cluster.
remove_priority() {
  [ -n "$("$kubectl" get namespaces --selector="$part" --output=name)" ] ||
    "$kubectl" delete priorityclass racetrack-platform --ignore-not-found
}

# clean: everything that this clone has set up in the cluster of KUBECONFIG, and kind's cluster.
clean() {
  local directory
  kind_down
  for directory in "$root"/build/kubernetes/*/; do
    [ -e "$directory/uid" ] || continue
    KUBE_NAMESPACE=$(basename "$directory") "$here/stack" clear ||
      echo "The namespace $(basename "$directory") is left alone. KUBECONFIG must name its cluster to remove it." >&2
  done
}
