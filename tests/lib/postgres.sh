# A PostgreSQL for one run: on loopback, durable as in production (fsync stays on). Sourced by tests/run.

postgres_programs() { # prints the folder of the newest installed server
  local dir
  dir=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
  [ -n "$dir" ] || dir=$(dirname "$(command -v initdb)" 2>/dev/null) || return 1
  [ -x "$dir/postgres" ] && echo "$dir"
}

# postgres_up FOLDER: starts it with its data below FOLDER and sets FAPI_TEST_POSTGRES_URL.
# Both initdb and the server refuse to run as root, so there they run as another user.
postgres_up() {
  local dir=$1 bin user password port pid end
  # --pdeathsig: it ends with us even when we are killed
  local as=(setpriv --pdeathsig INT)
  bin=$(postgres_programs) || { log "no PostgreSQL server: install postgresql"; return 1; }
  mkdir "$dir/postgres"
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077; echo "$password" > "$dir/postgres/password")
  if [ "$(id -u)" = 0 ]; then
    user=nobody
    ! id -u postgres >/dev/null 2>&1 || user=postgres
    as+=(--reuid "$user" --regid "$(id -g "$user")" --clear-groups)
    chown -R "$user" "$dir/postgres"
  fi
  (cd "$dir/postgres" && "${as[@]}" "$bin/initdb" --pgdata data --username fapi --pwfile password \
    --auth scram-sha-256 --encoding UTF8 --no-locale --no-sync > initdb.log 2>&1) ||
    { tail -5 "$dir/postgres/initdb.log" >&2; return 1; }
  # a port that is free now may be taken a moment later: try a few
  for port in $(shuf -n 5 -i 22000-28000); do
    (cd "$dir/postgres" && exec setsid "${as[@]}" "$bin/postgres" -D data -p "$port" \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 > postgres.log 2>&1 < /dev/null) &
    pid=$!
    disown
    write_pid "$dir/postgres.pid" $pid
    end=$((SECONDS + 60))
    until grep -q 'ready to accept connections' "$dir/postgres/postgres.log" 2>/dev/null; do
      pid_alive "$dir/postgres.pid" >/dev/null && [ $SECONDS -lt $end ] || continue 2
      sleep 0.1
    done
    export FAPI_TEST_POSTGRES_URL=postgres://fapi:$password@127.0.0.1:$port/postgres
    return 0
  done
  tail -5 "$dir/postgres/postgres.log" >&2
  return 1
}
