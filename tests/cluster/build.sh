#!/usr/bin/env bash
# build.sh [--control-plane-only | --where]: builds the cluster's binaries from Go modules, and prints the
# folder that holds them. The folder's name carries a hash of all that goes into it (this script, go/,
# versions.env, pause.c, the Go version), so a change of inputs builds anew and equal inputs are used again.
# Within it each group of binaries has a stamp, written last: an interrupted build goes on where it
# stopped. Modules and compiled packages are kept where Go keeps them (GOMODCACHE, GOCACHE).
# --where only prints the folder, and fails when it is not complete.
. "$(dirname "$0")/lib.sh"
. "$RECIPE/../lib/cache.sh"
all=1 only_where=
case ${1:-} in
  --control-plane-only) all= ;;
  --where) only_where=1 ;;
  "") ;;
  *) die "usage: build.sh [--control-plane-only | --where]" ;;
esac
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null ||
  die "no go in PATH: the cluster is built from Go modules; install Go 1.26 or later, or set FAPI_TEST_KUBECONFIG"
bin=$(cd "$RECIPE" && { cat build.sh versions.env pause.c; find go -type f | LC_ALL=C sort | xargs sha256sum; go version; } | cache_for cluster)
if [ -n "$only_where" ]; then
  echo "$bin"
  [ -f "$bin/.complete" ] || exit 1
  exit
fi
mkdir -p "$bin"
# A second build of the same folder waits for the first, and then finds it complete.
exec 9>> "$bin.lock"
flock 9
export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath -mod=readonly" GOWORK=off GOTOOLCHAIN=${GOTOOLCHAIN:-local}

# group NAME MODULE LDFLAGS OUTPUTS... -- PACKAGES...
group() {
  local name=$1 module=$RECIPE/go/$2 ld="-s -w $3" outputs=() o t=$SECONDS
  shift 3
  while [ "$1" != -- ]; do outputs+=("$1"); shift; done
  shift
  [ ! -e "$bin/.$name" ] || return 0
  log "building ${outputs[*]}"
  rm -rf "$bin/.new-$name"
  mkdir "$bin/.new-$name"
  if [ $# = 1 ]; then
    go -C "$module" build -tags grpcnotrace -ldflags "$ld" -o "$bin/.new-$name/${outputs[0]}" "$@"
  else
    go -C "$module" build -tags grpcnotrace -ldflags "$ld" -o "$bin/.new-$name/" "$@"
  fi
  for o in "${outputs[@]}"; do mv "$bin/.new-$name/$o" "$bin/$o"; done
  rm -rf "$bin/.new-$name"
  touch "$bin/.$name"
  log "$name: $((SECONDS - t))s"
}

# Without these, the servers call themselves v0.0.0-master+$Format and clients
# and kubelet cannot tell the version.
minor=${K8S_VERSION#v1.}
minor=${minor%%.*}
kube_ld=
for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  kube_ld+=" -X $p.gitVersion=$K8S_VERSION -X $p.gitMajor=1 -X $p.gitMinor=$minor -X $p.gitTreeState=archive -X $p.gitCommit=unknown -X $p.buildDate=1970-01-01T00:00:00Z"
done
cmd=k8s.io/kubernetes/cmd

group control-plane kubernetes "$kube_ld" kube-apiserver kube-controller-manager kube-scheduler kubectl -- \
  $cmd/kube-apiserver $cmd/kube-controller-manager $cmd/kube-scheduler $cmd/kubectl
group etcd etcd "" etcd -- go.etcd.io/etcd/server/v3
group helm helm "-X helm.sh/helm/v3/internal/version.version=$HELM_VERSION -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=$minor -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$minor" helm -- helm.sh/helm/v3/cmd/helm
if [ -n "$all" ]; then
  group node kubernetes "$kube_ld" kubelet kube-proxy -- $cmd/kubelet $cmd/kube-proxy
  group coredns coredns "" coredns -- .
  if [ ! -x "$bin/pause" ]; then
    gcc -static -Os -s -o "$bin/pause.new" "$RECIPE/pause.c"
    mv "$bin/pause.new" "$bin/pause"
  fi
  touch "$bin/.complete"
fi
# What nobody has built or asked for in a month belongs to inputs of the past.
touch "$bin"
find "$(cache_folder)" -maxdepth 1 -name 'cluster-*' -mtime +30 -exec rm -rf {} +
echo "$bin"
