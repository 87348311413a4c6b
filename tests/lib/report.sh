# What passed, what failed, what was not run. Sourced by tests/run, after process.sh.
passed=0 failed=0 tests_ran=0
failures=() not_run=() times=() groups=() figures=

skip() { not_run+=("$1"); log "not run: $1"; }

# step NAME COMMAND...: a part of the run with a time of its own.
step() {
  local name=$1 from=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" || true
  times+=("$(printf '%4d s  %s' $((SECONDS - from)) "$name")")
}

# check WHAT COMMAND...: one claim, shown by the command's status.
check() {
  local what=$1
  shift
  if logged "$run/check.log" "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$what")
    return 1
  fi
}

# cargo_tests WHAT ARGUMENTS...: `cargo test` with these arguments, counted from what the test programs say.
# A program that dies without a word, and a build that fails, count as one failure each.
cargo_tests() {
  local what=$1 status=0 before=$failed kind p f group
  shift
  logged "$run/tests.log" cargo test --no-fail-fast "$@" || status=$?
  while IFS=$'\t' read -r kind p f group; do
    case $kind in
      group) passed=$((passed + p)) failed=$((failed + f)) tests_ran=$((tests_ran + p + f)) groups+=("$(printf '%5d  %s' $((p + f)) "$what: $group")") ;;
      dead) failed=$((failed + 1)) failures+=("$group: ended before it reported") ;;
      failure) failures+=("$group") ;;
      skipped) not_run+=("$group") ;;
    esac
  done < <(awk -v OFS='\t' '
    function owner() { return crate == "" ? target : crate }
    function place() { return crate == "" ? target : crate " " target }
    function close_target() { if (open && !reported) print "dead", 0, 0, place(); open = 0 }
    /^ +Running / {
      close_target(); open = 1; reported = 0
      target = ($2 == "unittests") ? $3 : $2
      # the library of a package comes first, then its programs and integration tests
      if (target == "src/lib.rs") { crate = $NF; sub(/^.*\//, "", crate); sub(/-[0-9a-f]+\)$/, "", crate); gsub(/_/, "-", crate) }
    }
    /^ +Doc-tests / { close_target(); open = 1; reported = 0; target = "documentation"; crate = $2; gsub(/_/, "-", crate) }
    /^test result: / {
      reported = 1
      ok[owner()] += $4; bad[owner()] += $6
      if (!(owner() in seen)) { seen[owner()] = 1; order[++n] = owner() }
    }
    /^test .* \.\.\. FAILED$/ { line = $0; sub(/^test /, "", line); sub(/ \.\.\. FAILED$/, "", line); print "failure", 0, 0, place() ": " line }
    # a test that leaves itself out says "WHO: N not run: WHY", with a growing N
    /^[a-z-]+: [0-9]+ not run: / { key = $0; sub(/[0-9]+/, "", key); skipped[key] = $0 }
    END { close_target(); for (key in skipped) print "skipped", 0, 0, skipped[key]; for (i = 1; i <= n; i++) print "group", ok[order[i]], bad[order[i]], order[i] }
  ' "$run/tests.log")
  if [ $status != 0 ] && [ "$failed" = "$before" ]; then
    failed=$((failed + 1))
    failures+=("$what: cargo test $* ended with status $status")
  fi
}

# ids_in_tests: how many requirement ids the test code quotes.
ids_in_tests() {
  {
    find . \( -name target -o -name .git \) -prune -o \( -path '*/tests/*.rs' -o -name tests.rs -o -name '*_tests.rs' -o -path './tests/*.sh' \) -print0 | xargs -0 -r cat
    find . \( -name target -o -name .git \) -prune -o -path '*/src/*.rs' -print0 |
      xargs -0 -r awk 'FNR == 1 { on = 0 } /#\[cfg\(test\)\]/ { on = 1 } on && /^ *mod [a-z_]+;/ { on = 0 } on'
  } | grep -ohE '\b((AU|BR|UK|MS|F1|F2)-R|F-[CDEFGIKOS]|(DSC|KEY|TLS|AUT|CA|MTL|RO|PAR|PKC|RSP|IDT|TOK|REF|DPO|RS|UIN|INT|INV|REV|JAT|LGO|OIC|CIB|DCR|RAR|FT|UK|BR|AU|TL|[BDEHJKPST])-)[0-9]{2}[a-c]?\b' |
    sort -u | wc -l
}

# report: the figures of this run, and its verdict as the last line and the status.
report() {
  local line
  printf '\n== figures\n'
  for line in "${groups[@]}"; do echo "$line"; done
  for line in "${times[@]}"; do echo "$line"; done
  echo "$((SECONDS / 60)) min $((SECONDS % 60)) s in all, $started_from"
  echo "$(ids_in_tests) requirement ids are quoted in test code"
  printf '%s' "$figures"
  for line in "${not_run[@]}"; do echo "not run: $line"; done
  for line in "${failures[@]}"; do echo "failed: $line"; done
  [ "$tests_ran" -gt 0 ] || echo "failed: no test ran"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$tests_ran" -gt 0 ]
}
