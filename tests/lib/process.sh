# Processes and folders that a run must not leave behind. Sourced by tests/run, after cluster/lib.sh.
# Whatever a run makes is below $run, and whoever finds a $run whose owner is gone may clean it up.

# new_run: makes the folder for all that this run needs only while it runs, and says that it is ours.
new_run() {
  run=$(mktemp -d "${TMPDIR:-/tmp}/fapi-test.XXXXXX")
  # PostgreSQL runs as another user than root
  chmod 711 "$run"
  write_pid "$run/owner" $$
}

# end_run FOLDER: stops what was started under it, and removes it.
end_run() {
  local cluster
  end_job "$1"
  for cluster in "$1"/{node,control-plane}; do
    [ ! -e "$cluster/mode" ] || "$here/cluster/down.sh" --purge "$cluster" || return 1
  done
  stop_pid "$1/postgres.pid" 10
  rm -rf "$1"
}

# end_lost_runs: cleans up after runs of this user that were killed before they could.
end_lost_runs() {
  local lost
  for lost in "${TMPDIR:-/tmp}"/fapi-test.*/; do
    lost=${lost%/}
    [ -O "$lost" ] && [ -f "$lost/owner" ] || continue
    pid_alive "$lost/owner" >/dev/null || { log "cleaning up after a run that was killed: $lost"; end_run "$lost"; }
  done
}

# logged LOG COMMAND...: runs the command in a process group of its own, so that it can be ended with all
# its children when this run is; what it says goes to the terminal and to LOG. Its status is the answer.
logged() {
  local status=0 job
  setsid bash -c 'log=$1; shift; "$@" 2>&1 | tee "$log"; exit "${PIPESTATUS[0]}"' logged "$@" < /dev/null &
  job=$!
  write_pid "$run/job" $job
  wait $job || status=$?
  rm -f "$run/job"
  return $status
}

# end_job FOLDER: ends what `logged` still runs there.
end_job() {
  local job i
  job=$(pid_alive "$1/job") || return 0
  kill -TERM -- "-$job" 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do
    kill -0 -- "-$job" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$job" 2>/dev/null || true
}
