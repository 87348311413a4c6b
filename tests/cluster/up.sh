#!/usr/bin/env bash
# up.sh [--control-plane-only] [--bin BINDIR] [--proxy-mode iptables|nftables]
#       [--sync-frequency 1m] DIR
#
# Starts a one-node Kubernetes cluster with all its state under DIR, and waits
# until it is ready. DIR/kubeconfig is the administrator's kubeconfig. Run it
# again to start what is not running. Logs: DIR/logs. Undo: down.sh DIR.
#
# --sync-frequency is kubelet's: how long a changed Secret may take to reach a
# pod that nothing else touches (up to one and a half times that). Without
# --bin (or K8S_BIN) the binaries are those of build.sh, made first where needed.
#
# With --control-plane-only: etcd, kube-apiserver, kube-controller-manager and
# kube-scheduler on loopback, no node, no privileges needed; DIR/audit.log says who
# asked what of the API server.
# Otherwise (root): everything runs in one set of namespaces of its own; the
# node's pods and services are routed from the host by one veth pair, and the
# host is reachable from pods at DIR/host-ip.
. "$(dirname "$0")/lib.sh"
. "$RECIPE/pki.sh"

mode=node bin=${K8S_BIN:-} proxy=iptables sync=1m
while [ $# -gt 0 ]; do
  case $1 in
    --control-plane-only) mode=control-plane; shift ;;
    --bin) bin=$2; shift 2 ;;
    --proxy-mode) proxy=$2; shift 2 ;;
    --sync-frequency) sync=$2; shift 2 ;;
    --*) die "unknown option $1" ;;
    *) break ;;
  esac
done
[ $# = 1 ] || die "usage: up.sh [--control-plane-only] [--bin BINDIR] DIR"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
if [ -z "$bin" ]; then
  if [ $mode = node ]; then bin=$("$RECIPE/build.sh"); else bin=$("$RECIPE/build.sh" --control-plane-only); fi
fi
bin=$(cd "$bin" && pwd)
pki=$dir/pki
mkdir -p "$pki" "$dir"/{logs,pids,etcd,conf}
chmod 700 "$pki"
# one up.sh or down.sh at a time; what is started must not inherit the lock
exec 9>> "$dir/lock"
flock -w 600 9 || die "another up.sh or down.sh works on $dir"
if [ -f "$dir/mode" ] && [ "$(cat "$dir/mode")" != $mode ]; then
  die "$dir holds a cluster of mode $(cat "$dir/mode"): run down.sh --purge $dir first"
fi
echo $mode > "$dir/mode"
t0=$SECONDS
# Not between a component's start and its pidfile: down.sh must find all that we started.
interrupted=
trap 'interrupted=1' INT TERM HUP

# ---------------------------------------------------------------- the node's namespaces

cgroup_mounts() { awk '{for(i=7;i<=NF;i++) if($i=="-") {if($(i+1)=="cgroup"||$(i+1)=="cgroup2") print $(i+1), $5, $4; break}}' /proc/self/mountinfo; }

# own_cgroups: makes this node's cgroup in every hierarchy, below the cgroup we
# are in, and lists them in DIR/cgroups.
own_cgroups() {
  local type at root path here name
  name=k8s-$(basename "$dir")-$$
  : > "$dir/cgroups.new"
  while read -r type at root; do
    # our own path in this hierarchy: the line of /proc/self/cgroup that names it
    if [ "$type" = cgroup2 ]; then
      here=$(sed -n 's/^0:://p' /proc/self/cgroup)
    else
      here=$(awk -F: -v c="$(basename "$at")" '{n=split($2,a,","); for(i=1;i<=n;i++) if(a[i]==c||a[i]=="name="c) {sub(/^[^:]*:[^:]*:/,""); print; exit}}' /proc/self/cgroup)
    fi
    path=$at${here%/}/$name
    mkdir -p "$path"
    if [ -f "$path/cpuset.cpus" ] && [ "$type" = cgroup ]; then
      cat "$path/../cpuset.cpus" > "$path/cpuset.cpus"
      cat "$path/../cpuset.mems" > "$path/cpuset.mems"
    fi
    echo "$path" >> "$dir/cgroups.new"
  done < <(cgroup_mounts)
  mv "$dir/cgroups.new" "$dir/cgroups"
}

join_cgroups() { # the calling subshell moves into the node's cgroups
  local path
  while read -r path; do echo $BASHPID > "$path/cgroup.procs"; done < "$dir/cgroups"
}

child_of() { # PID: waits for its only child
  local i kids
  for ((i = 0; i < 100; i++)); do
    kids=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || return 1
    [ -z "$kids" ] || { echo "${kids%% *}"; return; }
    sleep 0.05
  done
  return 1
}

start_node() {
  local outer i
  if pid_alive "$dir/pids/node" >/dev/null && [ -f "$dir/node.up" ]; then return; fi
  # leftovers of a node that died without down.sh, or was never finished
  K8S_LOCKED=1 "$RECIPE/down.sh" "$dir"
  echo $mode > "$dir/mode"
  install -m 755 "$bin/pause" "$dir/pause"
  # kubelet sets these for the whole machine; down.sh puts them back
  for k in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    [ ! -r /proc/sys/$k ] || echo "$k $(cat /proc/sys/$k)"
  done > "$dir/sysctls"
  own_cgroups
  ( join_cgroups
    exec setsid unshare --mount --net --pid --fork --kill-child --ipc --uts --cgroup --propagation private \
      bash "$RECIPE/node-init.sh" "$dir" > "$dir/logs/node.log" 2>&1 < /dev/null 9>&- ) 9>&- &
  outer=$!
  disown
  node=$(child_of $outer) || die "the node's namespaces did not start: $(tail -3 "$dir/logs/node.log")"
  write_pid "$dir/pids/node" "$node"
  wait_for 10 node test -f "$dir/node.ready"

  # The addresses are part of the cluster's state (services, certificates): a
  # cluster keeps the network it was made with.
  if [ -f "$dir/net" ]; then
    i=$(cat "$dir/net")
    ip link add "k8s-$i" type veth peer name eth0 netns "$node" ||
      die "network $i is taken by another cluster: stop that, or down.sh --purge $dir"
  else
    for ((i = 0; i < 250; i++)); do
      ip link add "k8s-$i" type veth peer name eth0 netns "$node" 2>/dev/null && break
    done
    [ $i -lt 250 ] || die "no free network"
    echo "$i" > "$dir/net"
  fi
  ip addr add "10.201.$i.1/30" dev "k8s-$i"
  ip link set "k8s-$i" up
  nsenter -t "$node" -n ip addr add "10.201.$i.2/30" dev eth0
  nsenter -t "$node" -n ip link set eth0 up
  nsenter -t "$node" -n ip route add default via "10.201.$i.1"
  nsenter -t "$node" -n sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
    [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables'
  ip route add "10.202.$i.0/24" via "10.201.$i.2"
  ip route add "10.203.$i.0/24" via "10.201.$i.2"
  touch "$dir/node.up"
}

# start NAME COMMAND...: runs COMMAND in the background, in the node's
# namespaces where there is a node, unless it runs already.
start() {
  local name=$1 pid
  shift
  [ -z "$interrupted" ] || exit 130
  if pid_alive "$dir/pids/$name" >/dev/null; then return; fi
  if [ $mode = node ]; then
    ( join_cgroups
      ulimit -n "$(ulimit -Hn)"
      exec setsid nsenter -t "$node" -m -n -p -i -u -C -- "$@" >> "$dir/logs/$name.log" 2>&1 < /dev/null 9>&- ) 9>&- &
    pid=$!
    disown
    pid=$(child_of $pid) || die "$name did not start: $(tail -3 "$dir/logs/$name.log")"
  else
    ( exec setsid "$@" >> "$dir/logs/$name.log" 2>&1 < /dev/null 9>&- ) 9>&- &
    pid=$!
    disown
  fi
  write_pid "$dir/pids/$name" "$pid"
}

# ---------------------------------------------------------------- addresses

if [ $mode = node ]; then
  [ "$(id -u)" = 0 ] || die "a node needs root; there is --control-plane-only"
  cgroup_mounts | grep '^cgroup ' >/dev/null ||
    die "only cgroup v2 here: not tried, the kubelet's cgroups need delegation first"
  start_node
  node=$(pid_alive "$dir/pids/node")
  i=$(cat "$dir/net")
  ip=10.201.$i.2 host_ip=10.201.$i.1 pods=10.202.$i.0/24 services=10.203.$i.0/24
  service_ip=10.203.$i.1 dns_ip=10.203.$i.10
  api=6443 etcd=2379 peer=2380
  echo "$host_ip" > "$dir/host-ip"
  echo "$dns_ip" > "$dir/dns-ip"
else
  ip=127.0.0.1 services=10.203.0.0/24 service_ip=10.203.0.1
  # five free ports in a row, kept for reruns
  if [ ! -f "$dir/port" ]; then
    for ((p = 21000 + (RANDOM % 400) * 10; ; p += 10)); do
      ss -Hltn "sport >= :$p and sport < :$((p + 5))" 2>/dev/null | grep -q . || break
    done
    echo $p > "$dir/port"
  fi
  p=$(cat "$dir/port")
  api=$p etcd=$((p + 1)) peer=$((p + 2))
fi
server=https://$ip:$api

# ---------------------------------------------------------------- certificates

pki_ca ca kubernetes-ca
pki_ca front-proxy-ca front-proxy-ca
pki_cert apiserver ca /CN=kube-apiserver serverAuth "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$service_ip,IP:$ip"
pki_cert apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
pki_cert front-proxy-client front-proxy-ca /CN=front-proxy-client clientAuth
pki_cert admin ca /O=system:masters/CN=admin clientAuth
pki_cert controller-manager ca /CN=system:kube-controller-manager clientAuth
pki_cert scheduler ca /CN=system:kube-scheduler clientAuth
[ -s "$pki/sa.key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$pki/sa.key" 2>/dev/null
openssl ec -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
kubeconfig "$dir/conf/admin" admin
kubeconfig "$dir/conf/controller-manager" controller-manager
kubeconfig "$dir/conf/scheduler" scheduler

# ---------------------------------------------------------------- control plane

start etcd "$bin/etcd" --name e2e --data-dir "$dir/etcd" \
  --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
  --initial-cluster "e2e=http://127.0.0.1:$peer" --unsafe-no-fsync --log-level warn

# Only where no node asks too: there it would grow for as long as the cluster runs.
audit=()
[ $mode = node ] || audit=(--audit-policy-file "$RECIPE/manifests/audit.yaml" --audit-log-path "$dir/audit.log" --audit-log-maxsize 4000)

start kube-apiserver "$bin/kube-apiserver" \
  --etcd-servers "http://127.0.0.1:$etcd" \
  --bind-address "$ip" --advertise-address "$ip" --secure-port "$api" \
  --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
  --client-ca-file "$pki/ca.crt" \
  --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" --kubelet-client-key "$pki/apiserver-kubelet-client.key" \
  --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP \
  --requestheader-client-ca-file "$pki/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
  --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
  --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file "$pki/front-proxy-client.crt" --proxy-client-key-file "$pki/front-proxy-client.key" \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
  --service-cluster-ip-range "$services" \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  "${audit[@]}" \
  --allow-privileged=true --endpoint-reconciler-type lease --shutdown-delay-duration 0s

kubectl() { "$bin/kubectl" --kubeconfig "$dir/conf/admin" "$@"; }
wait_for 120 kube-apiserver kubectl get --raw /readyz
log "kube-apiserver is ready after $((SECONDS - t0))s"

start kube-controller-manager "$bin/kube-controller-manager" \
  --kubeconfig "$dir/conf/controller-manager" --authentication-kubeconfig "$dir/conf/controller-manager" \
  --authorization-kubeconfig "$dir/conf/controller-manager" \
  --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/sa.key" \
  --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
  --use-service-account-credentials=true --leader-elect=false --bind-address 127.0.0.1 \
  --secure-port "$([ $mode = node ] && echo 10257 || echo $((api + 3)))" \
  --allocate-node-cidrs=false --kube-api-qps 500 --kube-api-burst 1000

start kube-scheduler "$bin/kube-scheduler" \
  --kubeconfig "$dir/conf/scheduler" --authentication-kubeconfig "$dir/conf/scheduler" \
  --authorization-kubeconfig "$dir/conf/scheduler" --leader-elect=false --bind-address 127.0.0.1 \
  --secure-port "$([ $mode = node ] && echo 10259 || echo $((api + 4)))"

# ---------------------------------------------------------------- node

if [ $mode = node ]; then
  cni=$(for d in /usr/lib/cni /opt/cni/bin; do [ ! -x $d/bridge ] || { echo $d; break; }; done)
  [ -n "$cni" ] || die "no CNI plugins: install containernetworking-plugins"
  if [ ! -f "$dir/snapshotter" ]; then
    mkdir -p "$dir"/try/{l,u,w,m}
    if mount -t overlay -o "lowerdir=$dir/try/l,upperdir=$dir/try/u,workdir=$dir/try/w" try "$dir/try/m" 2>/dev/null; then
      umount "$dir/try/m"
      echo overlayfs > "$dir/snapshotter"
    else
      echo native > "$dir/snapshotter"
    fi
    rm -rf "$dir/try"
  fi
  pki_cert kubelet ca /O=system:nodes/CN=system:node:node0 clientAuth
  pki_cert kubelet-server ca /O=system:nodes/CN=system:node:node0 serverAuth "DNS:node0,IP:$ip"
  pki_cert kube-proxy ca /CN=system:kube-proxy clientAuth
  kubeconfig "$dir/conf/kubelet" kubelet
  kubeconfig "$dir/conf/kube-proxy" kube-proxy
  mkdir -p "$dir/conf/cni"
  echo "# pods with dnsPolicy Default have no name server" > "$dir/conf/resolv.conf"

  cat > "$dir/conf/containerd.toml" <<C
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$(cat "$dir/snapshotter")"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$cni"
    conf_dir = "$dir/conf/cni"
C
  cat > "$dir/conf/cni/10-bridge.conflist" <<C
{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
      "ipam": {
        "type": "host-local", "dataDir": "/run/cni-ipam",
        "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
C
  cat > "$dir/conf/kubelet.yaml" <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ip
port: 10250
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
tlsCertFile: $pki/kubelet-server.crt
tlsPrivateKeyFile: $pki/kubelet-server.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $pki/ca.crt}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDomain: cluster.local
clusterDNS: [$dns_ip]
resolvConf: $dir/conf/resolv.conf
serializeImagePulls: false
syncFrequency: $sync
imageGCHighThresholdPercent: 100
evictionHard: {nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%, memory.available: 50Mi}
C
  # kube-proxy ends when its file is written, even with what it held before.
  cat > "$dir/conf/kube-proxy.yaml.new" <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $dir/conf/kube-proxy}
mode: $proxy
clusterCIDR: $pods
hostnameOverride: node0
bindAddress: $ip
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
C
  cmp -s "$dir/conf/kube-proxy.yaml.new" "$dir/conf/kube-proxy.yaml" ||
    mv "$dir/conf/kube-proxy.yaml.new" "$dir/conf/kube-proxy.yaml"
  start containerd containerd --config "$dir/conf/containerd.toml" --log-level warn
  ctr() { nsenter -t "$node" -m -n -- ctr -n k8s.io "$@"; }
  wait_for 30 containerd ctr version
  ctr images ls -q | grep -x localhost/pause:1 >/dev/null ||
    "$RECIPE/image.sh" --cluster "$dir" localhost/pause:1 "$bin/pause" >/dev/null
  start kubelet "$bin/kubelet" --config "$dir/conf/kubelet.yaml" --kubeconfig "$dir/conf/kubelet" \
    --hostname-override node0 --node-ip "$ip" --root-dir /var/lib/kubelet --v 1
  start kube-proxy "$bin/kube-proxy" --config "$dir/conf/kube-proxy.yaml"
  wait_for 90 kubelet kubectl get node node0
  kubectl wait --for condition=Ready node/node0 --timeout 120s >/dev/null ||
    die "the node is not ready, see $dir/logs/kubelet.log"
  if [ -x "$bin/coredns" ]; then
    dns_image=localhost/coredns:$(sha256sum < "$bin/coredns" | cut -c1-12)
    ctr images ls -q | grep -x "$dns_image" >/dev/null ||
      "$RECIPE/image.sh" --cluster "$dir" "$dns_image" "$bin/coredns" >/dev/null
    sed "s/__DNS_IP__/$dns_ip/; s/__HOST_IP__/$host_ip/; s#__IMAGE__#$dns_image#; s/__SUM__/$(sha256sum < "$RECIPE/manifests/coredns.yaml" | cut -c1-12)/" "$RECIPE/manifests/coredns.yaml" |
      kubectl apply --server-side --force-conflicts -f - >/dev/null
  fi
  wait_for 30 kube-proxy \
    nsenter -t "$node" -n -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/10256'
  [ ! -x "$bin/coredns" ] || kubectl -n kube-system rollout status deployment/coredns --timeout 60s >/dev/null ||
    die "no DNS: $(kubectl -n kube-system get events 2>&1 | tail -5)"
fi

# The service account controller has made the default account: pods are admitted now
wait_for 60 kube-controller-manager \
  kubectl -n default get serviceaccount default

cp -p "$dir/conf/admin" "$dir/kubeconfig.new"
mv "$dir/kubeconfig.new" "$dir/kubeconfig"
log "ready after $((SECONDS - t0))s: export KUBECONFIG=$dir/kubeconfig"
