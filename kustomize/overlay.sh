# What this install adds to kustomize/: its namespace, secrets, images and addresses. Sourced by `kustomize/stack`.

# write_overlay: the kustomization in build/ that `kubectl apply -k` takes.
write_overlay() {
  local up=../../.. components services_with_secrets
  components=$(list_components)
  services_with_secrets=(postgres lifecycle image-builder pub dashboard)
  if has_component monitoring; then services_with_secrets+=(grafana); fi
  {
    echo "# Written by kustomize/stack: it is written again with each \`make kube-up\`."
    echo "apiVersion: kustomize.config.k8s.io/v1beta1"
    echo "kind: Kustomization"
    echo "namespace: $KUBE_NAMESPACE"
    echo "resources: [$up/kustomize/$(name_shape)]"
    [ -z "$components" ] || printf 'components:\n%s\n' "$components"
    describe_secrets "${services_with_secrets[@]}"
    describe_settings
    describe_images
    describe_patches
  } >"$install/kustomization.yaml"
}

name_shape() { if in_kind; then echo kind; elif [ -n "$INGRESS_HOST" ]; then echo ingress; else echo base; fi; }

# list_components: those of KUBE_COMPONENTS, and what follows from the cluster and from each other; later ones change earlier ones.
list_components() {
  local name
  if [ "$KUBE_BUILDKIT" = true ] && ! has_component buildkit; then echo "  - ../../../kustomize/components/buildkit"; fi
  for name in ${KUBE_COMPONENTS//,/ }; do
    if [ -d "$root/kustomize/components/$name" ]; then
      echo "  - ../../../kustomize/components/$name"
    elif [ -e "$name/kustomization.yaml" ]; then
      echo "  - $(realpath --relative-to="$install" "$name")"
    else
      fail "KUBE_COMPONENTS names $name, which is neither a component ($(cd "$root/kustomize/components" && echo *)) nor a directory with" \
        "a kustomization.yaml of \`kind: Component\`."
    fi
  done
  if has_component monitoring && [ -n "$INGRESS_HOST" ]; then echo "  - ../../../kustomize/components/monitoring-ingress"; fi
  if has_component monitoring && in_kind; then echo "  - ../../../kustomize/components/node-ports"; fi
  if [ "$server_minor" -lt 21 ]; then echo "  - ../../../kustomize/components/release-1.20"; fi
}

has_component() { [[ " ${KUBE_COMPONENTS//,/ } " == *" $1 "* ]]; }

describe_settings() {
  local external
  external=$(describe_addresses)
  echo "configMapGenerator:"
  echo "  - name: lifecycle-settings"
  echo "    behavior: merge"
  echo "    literals:"
  echo "      - DOCKER_REGISTRY=$DOCKER_REGISTRY"
  echo "      - DOCKER_REGISTRY_NAMESPACE=$DOCKER_REGISTRY_NAMESPACE"
  echo "      - KUBERNETES_IMAGE_PULL_SECRETS=$KUBERNETES_IMAGE_PULL_SECRETS"
  [ -z "$external" ] || printf '%s\n' "$external" "      - EXTERNAL_DASHBOARD_URL=https://$INGRESS_HOST/dashboard"
  echo "  - name: image-builder-settings"
  echo "    behavior: merge"
  echo "    literals:"
  echo "      - DOCKER_REGISTRY=$DOCKER_REGISTRY"
  echo "      - DOCKER_REGISTRY_NAMESPACE=$DOCKER_REGISTRY_NAMESPACE"
  [ -z "$external" ] || printf '%s\n' "  - name: dashboard-settings" "    behavior: merge" "    literals:" "$external"
}

describe_addresses() {
  [ -n "$INGRESS_HOST" ] || return 0
  echo "      - EXTERNAL_LIFECYCLE_URL=https://$INGRESS_HOST/lifecycle"
  echo "      - EXTERNAL_PUB_URL=https://$INGRESS_HOST/pub"
  echo "      - EXTERNAL_GRAFANA_URL=https://$INGRESS_HOST/grafana"
}

describe_images() {
  local name full
  echo "images:"
  for name in "${images[@]}"; do
    full=$(name_image "$name")
    echo "  - {name: racetrack/$name, newName: ${full%:*}, newTag: \"${full##*:}\"}"
  done
}

describe_patches() {
  [ -n "$INGRESS_HOST$KUBERNETES_IMAGE_PULL_SECRETS" ] || return 0
  echo "patches:"
  if [ -n "$INGRESS_HOST" ]; then
    echo "  - target: {kind: Ingress, name: racetrack}"
    echo "    patch: |"
    echo "      - {op: replace, path: /spec/rules/0/host, value: \"$INGRESS_HOST\"}"
    echo "      - {op: replace, path: /spec/tls/0/hosts/0, value: \"$INGRESS_HOST\"}"
    echo "      - {op: replace, path: /spec/tls/0/secretName, value: \"$INGRESS_TLS_SECRET\"}"
    [ -z "$INGRESS_CLASS" ] || echo "      - {op: add, path: /spec/ingressClassName, value: \"$INGRESS_CLASS\"}"
  fi
  if [ -n "$KUBERNETES_IMAGE_PULL_SECRETS" ]; then
    echo "  - target: {kind: ServiceAccount}"
    echo "    patch: |"
    echo "      - op: add"
    echo "        path: /imagePullSecrets"
    echo "        value: [$(sed -E 's/([^,]+)/{name: \1}/g' <<<"$KUBERNETES_IMAGE_PULL_SECRETS")]"
  fi
}
