#!/usr/bin/env bash
# postgres-image.sh [--cluster DIR | --tar FILE]: makes localhost/postgres:VERSION, a PostgreSQL server
# image, from the Debian package that is installed here, and prints what image.sh prints.
#
# It runs as uid 65532 with a read-only root and one writable folder, /var/lib/postgresql; there it makes
# its database at the first start, for POSTGRES_USER (postgres) with POSTGRES_PASSWORD, named POSTGRES_DB
# (the user's name). Arguments go to the server, for instance: -c ssl=on -c ssl_cert_file=…
. "$(dirname "$0")/lib.sh"
. "$RECIPE/../lib/postgres.sh"
bin=$(postgres_programs) || die "no PostgreSQL server here: install postgresql"
version=$("$bin/postgres" --version | grep -oE '[0-9]+' | head -1)
lib=$("$bin/pg_config" --pkglibdir 2>/dev/null) || lib=${bin%/bin}/lib
share=$("$bin/pg_config" --sharedir 2>/dev/null) || share=/usr/share/postgresql/$version

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cat > "$stage/postgres-start" <<'SH'
#!/bin/sh
# Shell built-ins only: the image holds no other tools.
set -eu
user=${POSTGRES_USER:-postgres}
db=${POSTGRES_DB:-$user}
data=/var/lib/postgresql/data
umask 077
if [ ! -f "$data/PG_VERSION" ]; then
  echo "${POSTGRES_PASSWORD:?say which password}" > /var/lib/postgresql/password
  initdb --pgdata "$data" --username "$user" --pwfile /var/lib/postgresql/password \
    --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --no-locale
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  [ "$db" = postgres ] || echo "CREATE DATABASE \"$db\"" | postgres --single -j -D "$data" postgres
fi
exec postgres -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/var/lib/postgresql "$@"
SH
chmod 755 "$stage/postgres-start"
printf 'postgres:x:65532:65532::/var/lib/postgresql:/bin/sh\n' > "$stage/passwd"
mkdir -p "$stage"/{lib,writable}
# without what would bring a compiler or another language along
find "$lib" -maxdepth 1 -name '*.so*' ! -name 'llvmjit*' ! -name '*perl*' ! -name '*python*' ! -name '*tcl*' \
  -exec cp -L {} "$stage/lib/" \;
programs=()
for p in postgres initdb psql pg_isready pg_dump; do
  [ ! -x "$bin/$p" ] || programs+=("$bin/$p=$bin/$p")
done

"$RECIPE/image.sh" "$@" --env "PATH=$bin:/bin" --port 5432 "localhost/postgres:$version" \
  "$stage/postgres-start" "${programs[@]}" /bin/dash=/bin/sh "$stage/lib=$lib" "$share=$share" \
  /usr/share/zoneinfo=/usr/share/zoneinfo "$stage/passwd=/etc/passwd" "$stage/writable=/var/lib/postgresql"
