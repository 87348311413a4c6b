#!/usr/bin/env bash
# check.sh DIR BINDIR: shows that the node cluster of `up.sh DIR` gives the end-to-end tests what they
# build on, where a failure would otherwise look like one of ours: DNS, Pod Security, the PostgreSQL image.
# One line for each; the status is 0 when all hold.
. "$(dirname "$0")/lib.sh"
[ $# = 2 ] || die "usage: check.sh DIR BINDIR"
dir=$(cd "$1" && pwd) bin=$(cd "$2" && pwd)
export KUBECONFIG=$dir/kubeconfig
namespace=cluster-check-$$
kubectl() { "$bin/kubectl" -n $namespace "$@"; }
failed=0
is() { # CLAIM WANTED GOT
  case $3 in
    *"$2"*) echo "ok    $1" ;;
    *) echo "FAIL  $1: wanted $2, got $3"; failed=1 ;;
  esac
}
# becomes CLAIM WANTED COMMAND…: as `is`, for what follows a moment after a pod is ready. kube-proxy writes a
# Service's rules in its own time, and refuses connections until then.
becomes() {
  local claim=$1 wanted=$2 got end=$((SECONDS + 60))
  shift 2
  until got=$("$@" 2>&1); [[ $got = *"$wanted"* ]] || [ $SECONDS -ge $end ]; do sleep 0.2; done
  is "$claim" "$wanted" "$got"
}

kubectl create namespace $namespace >/dev/null
trap 'kubectl delete namespace $namespace --wait=false >/dev/null 2>&1' EXIT
kubectl label namespace $namespace pod-security.kubernetes.io/enforce=restricted >/dev/null
until kubectl get serviceaccount default >/dev/null 2>&1; do sleep 0.1; done
is "Pod Security refuses what is not restricted" "violates PodSecurity" \
  "$(kubectl run loose --image localhost/pause:1 2>&1 || true)"

image=$("$RECIPE/postgres-image.sh" --cluster "$dir" 2>/dev/null)
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
kubectl create secret generic postgres --from-literal "password=$password" >/dev/null
sed "s#__IMAGE__#$image#" "$RECIPE/manifests/postgres.yaml" | kubectl apply -f - >/dev/null
is "PostgreSQL runs restricted, with a read-only root" "successfully rolled out" \
  "$(kubectl rollout status deployment/postgres --timeout 60s 2>&1; kubectl get pods 2>&1; kubectl logs deployment/postgres --tail 5 2>&1)"
sql() { # HOST [PASSWORD]: as a program on another pod or on the host would connect
  kubectl exec deployment/postgres -- psql "postgres://fapi:${2:-$password}@$1/fapi" -Atc "select 'fsync ' || current_setting('fsync')" 2>&1 || true
}
becomes "it accepts connections through the Service's name" "fsync on" sql postgres.$namespace.svc.cluster.local
is "and not with another password" "password authentication failed" "$(sql postgres.$namespace.svc.cluster.local wrong)"
address=$(kubectl get service postgres -o 'jsonpath={.spec.clusterIP}')
becomes "the host reaches it by its address" "open" timeout 5 bash -c "exec 3<>/dev/tcp/$address/5432 && echo open"
is "pods know the host as host.cluster.local" "Connection refused" "$(sql host.cluster.local:9)"
exit $failed
