# The images of the services, and their way into the cluster, sourced by `kustomize/stack`.

# build_images: builds them, and names each for its content, so that what has changed is replaced, and nothing else.
build_images() {
  local name id
  echo "building the images of the services"
  mv "$install/images" "$install/images-before" 2>/dev/null || true
  for name in "${images[@]}"; do
    id=$(docker build --quiet --target "$name" --build-arg "GIT_VERSION=$GIT_VERSION" "$root") ||
      fail "The image of $name can't be built: \`docker build --target $name .\` shows why."
    tag=${id#sha256:}
    image_tags[$name]=${tag:0:12}
    docker tag "$id" "$(name_image "$name")"
    name_image "$name" >>"$install/images"
  done
  remove_former_images
}

# The cluster has its own copies of what it still runs.
remove_former_images() {
  [ -e "$install/images-before" ] || return 0
  grep -vxFf "$install/images" "$install/images-before" | xargs -r docker rmi >/dev/null 2>&1 || true
  rm "$install/images-before"
}

# name_image NAME: as the cluster knows it.
name_image() {
  local prefix=racetrack
  if is_pushed; then prefix=$DOCKER_REGISTRY/$DOCKER_REGISTRY_NAMESPACE; fi
  echo "$prefix/$1:${image_tags[$1]}"
}

is_pushed() { ! in_kind && [ -z "$KUBE_LOAD_IMAGES" ]; }

check_way_of_images() {
  in_kind || [ -n "$KUBE_LOAD_IMAGES" ] || [ -n "$DOCKER_REGISTRY" ] || fail \
    "The cluster needs a registry: DOCKER_REGISTRY=registry.example.com, which you may push to and which the nodes can pull from." \
    "Where images of services get to the nodes in another way, KUBE_LOAD_IMAGES is the command that takes them as arguments."
}

give_images() {
  local names=() name
  for name in "${images[@]}"; do names+=("$(name_image "$name")"); done
  if in_kind; then
    echo "loading the images into the cluster $KIND_CLUSTER"
    kind load docker-image --name "$KIND_CLUSTER" "${names[@]}"
  elif [ -n "$KUBE_LOAD_IMAGES" ]; then
    echo "loading the images: $KUBE_LOAD_IMAGES"
    # The variable is a command with arguments.
    # shellcheck disable=SC2086
    $KUBE_LOAD_IMAGES "${names[@]}"
  else
    for name in "${names[@]}"; do
      echo "pushing $name"
      docker push --quiet "$name" >/dev/null || fail "$name can't be pushed: \`docker login ${DOCKER_REGISTRY%%/*}\` may be missing."
    done
  fi
}

remove_images() {
  [ -e "$install/images" ] || return 0
  docker info >/dev/null 2>&1 || return 0
  local name
  while read -r name; do
    docker rmi "$name" >/dev/null 2>&1 && echo "removed image $name"
  done <"$install/images"
  true
}
