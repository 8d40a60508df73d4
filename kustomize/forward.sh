# The way from this machine to the platform, and the sample, sourced by `kustomize/stack`.

LIFECYCLE_PORT=${LIFECYCLE_PORT:-7002}
DASHBOARD_PORT=${DASHBOARD_PORT:-7003}
PUB_PORT=${PUB_PORT:-7005}

lifecycle_url() { if [ -n "$INGRESS_HOST" ]; then echo "https://$INGRESS_HOST/lifecycle"; else echo "http://127.0.0.1:$LIFECYCLE_PORT/lifecycle"; fi; }
pub_url() { if [ -n "$INGRESS_HOST" ]; then echo "https://$INGRESS_HOST/pub"; else echo "http://127.0.0.1:$PUB_PORT/pub"; fi; }
dashboard_url() { if [ -n "$INGRESS_HOST" ]; then echo "https://$INGRESS_HOST/dashboard/"; else echo "http://127.0.0.1:$DASHBOARD_PORT/dashboard/"; fi; }

print_addresses() {
  cat <<TEXT
  dashboard  $(dashboard_url)
  Lifecycle  $(lifecycle_url)
  PUB        $(pub_url)
TEXT
}

print_next_steps() {
  if ! in_kind && [ -z "$INGRESS_HOST" ]; then
    echo "They are at these addresses while this runs: make kube-forward"
  fi
  if in_kind; then
    echo "Log in with: racetrack set remote $(lifecycle_url) && racetrack login --username admin   (with the secrets of .env, the password is admin)"
  else
    echo "Log in with: racetrack set remote $(lifecycle_url) && racetrack login --username admin <$(realpath --relative-to=. "$secrets")/ADMIN_PASSWORD"
  fi
}

forward() {
  check_cluster
  start_forwarding
  echo "Forwarding until Ctrl-C:"
  print_addresses
  wait
}

# start_forwarding: kubectl ends a forwarding with its pod, so each is started again until this script ends.
start_forwarding() {
  keep_forwarding lifecycle "$LIFECYCLE_PORT:7002" &
  forwardings=$!
  keep_forwarding pub "$PUB_PORT:7005" &
  forwardings+=" $!"
  keep_forwarding dashboard "$DASHBOARD_PORT:7003" &
  forwardings+=" $!"
  # The list is one of numbers.
  # shellcheck disable=SC2064,SC2086
  trap "kill $forwardings 2>/dev/null" EXIT
  trap 'exit 130' INT TERM
}

keep_forwarding() {
  local child=
  trap '[ -z "$child" ] || kill "$child" 2>/dev/null; exit' TERM EXIT
  while true; do
    "$kubectl" --namespace="$KUBE_NAMESPACE" port-forward --address=127.0.0.1 "service/$1" "$2" >/dev/null &
    child=$!
    wait "$child" || true
    sleep 0.5
  done
}

deploy_sample() {
  check_cluster
  if ! in_kind && [ -z "$INGRESS_HOST" ]; then start_forwarding; fi
  PATH=$root/venv/bin:$PATH
  cd "$root"
  local lifecycle url token
  lifecycle=$(lifecycle_url)
  url=$(pub_url)/job/adder/latest/api/v1/perform
  python -m racetrack_commons.wait --timeout "$READY_TIMEOUT" "$lifecycle/ready"
  racetrack login --username admin --remote "$lifecycle" <<<"$(read_admin_password)"
  racetrack deploy sample/python-class --remote "$lifecycle" --force
  token=$(racetrack get auth-token --remote "$lifecycle")
  echo "curl -X POST $url -H \"X-Racetrack-Auth: \$(racetrack get auth-token --remote $lifecycle)\" -H 'Content-Type: application/json' -d '{\"numbers\": [40, 2]}'"
  curl --fail-with-body -sS -X POST "$url" -H "X-Racetrack-Auth: $token" -H 'Content-Type: application/json' -d '{"numbers": [40, 2]}'
  echo
}

read_admin_password() { grep . "$secrets/ADMIN_PASSWORD" || echo admin; }
