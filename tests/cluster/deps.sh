#!/usr/bin/env bash
# deps.sh: the node's Debian packages (root). `up.sh --control-plane-only` needs none of them beyond
# openssl and iproute2. Does nothing when all are there.
exec "$(dirname "$0")/../lib/packages.sh" \
  containerd runc containernetworking-plugins iptables nftables conntrack iproute2 util-linux openssl gcc libc6-dev
