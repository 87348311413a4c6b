# The image of fapi-operator: four programs, their libraries, the public certificate authorities, and nothing
# else: no shell, no package manager. The operator is the entrypoint; the pods of a Workspace run
# /fapi-server from the same image.
#
#   docker build -t REGISTRY/fapi-operator:TAG .

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist \
      --package fapi-operator --package fapi-server --package fapictl --package fapi-bank
# What a dynamic program needs is what ldd says it loads; -L follows the links, so that only files remain.
RUN set -eu; mkdir -p /image/etc/ssl/certs /image/tmp; chmod 1777 /image/tmp; \
    cd target/dist; cp fapi-operator fapi-server fapictl fapi-bank /image/; \
    ldd fapi-operator fapi-server fapictl fapi-bank | grep -o '/[^ ]*' | grep -v ':$' | sort -u | \
      while read -r library; do mkdir -p "/image${library%/*}"; cp -L "$library" "/image$library"; done; \
    cp -L /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    echo 'fapi:x:65532:65532:fapi:/:/' > /image/etc/passwd

FROM scratch
COPY --from=build /image/ /
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/fapi-operator"]
