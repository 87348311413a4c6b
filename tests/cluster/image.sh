#!/usr/bin/env bash
# image.sh NAME PROGRAM [FILE...]: makes a one-layer image of a program (as /NAME-OF-PROGRAM, the
# entrypoint) and further files or folders, and imports it into the cluster's containerd. Each is PATH,
# which lands in /, or PATH=/TO. The libraries of every program among them come along. Prints
# NAME:TAG@DIGEST, which is a reference that pods can use, as are NAME:TAG and NAME@DIGEST. A tag other
# than "latest" keeps kubelet from trying to pull it.
#
#   --cluster DIR   the cluster's state folder (or $K8S_DIR)
#   --tar FILE      write the OCI archive there instead of importing it
#   --user UID      user of the image (65532)
#   --env K=V       in the image's environment, instead of PATH=/; may be repeated
#   --port N        port to expose (documentation only)
. "$(dirname "$0")/lib.sh"
cluster=${K8S_DIR:-} tar= user=65532 port= env=
while [ $# -gt 0 ]; do
  case $1 in
    --cluster) cluster=$2; shift 2 ;;
    --tar) tar=$2; shift 2 ;;
    --user) user=$2; shift 2 ;;
    --env) env+=${env:+,}\"$2\"; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --*) die "unknown option $1" ;;
    *) break ;;
  esac
done
[ $# -ge 2 ] || die "usage: image.sh [--cluster DIR|--tar FILE] NAME PROGRAM [FILE...]"
name=$1
shift
case $name in
  localhost/*|*.*/*|*:*/*) ;;
  *) name=localhost/$name ;;
esac
case ${name##*/} in *:*) ;; *) name=$name:dev ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/tmp" "$work/oci/blobs/sha256"
chmod 1777 "$work/root/tmp"
entrypoint=
for f in "$@"; do
  to=/$(basename "${f%%=*}")
  [ "$f" = "${f%%=*}" ] || to=${f#*=}
  entrypoint=${entrypoint:-$to}
  mkdir -p "$work/root/$(dirname "$to")"
  cp -RL "${f%%=*}" "$work/root/$to"
  # ldd says nothing of use about what is not a dynamic program or library
  find "${f%%=*}" -type f \( -perm -u+x -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
    sed -nE 's#.*[[:space:]](/[^ ]+) \(0x.*#\1#p' >> "$work/libs" || true
done
while read -r f; do install -D "$f" "$work/root$f"; done < <(sort -u "$work/libs")
chmod -R a+rX "$work/root"

# put FILE: moves FILE in as a blob; prints "sha256:... SIZE".
put() {
  local sum size
  sum=$(sha256sum < "$1") size=$(stat -c %s "$1")
  mv "$1" "$work/oci/blobs/sha256/${sum%% *}"
  echo "sha256:${sum%% *} $size"
}
tar -C "$work/root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer" .
read -r layer layer_size < <(put "$work/layer")
exposed=
[ -z "$port" ] || exposed=$(printf '"ExposedPorts":{"%s/tcp":{}},' "$port")
printf '{"architecture":"%s","os":"linux","config":{%s"User":"%s","Entrypoint":["%s"],"WorkingDir":"/","Env":[%s]},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
  "$(case $(uname -m) in x86_64) echo amd64 ;; aarch64) echo arm64 ;; esac)" \
  "$exposed" "$user" "$entrypoint" "${env:-\"PATH=/\"}" "$layer" > "$work/config"
read -r config config_size < <(put "$work/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%s}]}' \
  "$config" "$config_size" "$layer" "$layer_size" > "$work/manifest"
read -r manifest manifest_size < <(put "$work/manifest")
printf '{"imageLayoutVersion":"1.0.0"}' > "$work/oci/oci-layout"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
  "$manifest" "$manifest_size" "$name" "${name##*:}" > "$work/oci/index.json"
tar -C "$work/oci" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/image.tar" oci-layout index.json blobs

if [ -n "$tar" ]; then
  mv "$work/image.tar" "$tar"
else
  [ -n "$cluster" ] || die "say which cluster: --cluster DIR or K8S_DIR"
  pid=$(pid_alive "$cluster/pids/node") || die "no node runs in $cluster"
  nsenter -t "$pid" -m -n -- ctr -n k8s.io images import --base-name "${name%:*}" --digests \
    --snapshotter "$(cat "$cluster/snapshotter")" - < "$work/image.tar" >&2
fi
echo "$name@$manifest"
