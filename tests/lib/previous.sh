# The programs of the previous version, built from this repository's own history. Sourced by tests/run, after clients.sh.

# previous_programs TARGET: prints a folder with the fapi-operator and fapi-server of the commit in tests/previous, and with its
# charts/; fails, and says why, where there cannot be one. Compiled crates of others are shared with this version's in TARGET.
previous_programs() {
  local target=$1 commit at part
  commit=$(grep -v '^#' tests/previous)
  git cat-file -e "$commit^{commit}" 2>/dev/null ||
    { echo "commit ${commit:0:12} of tests/previous is not in this checkout's history (a shallow clone? git fetch --unshallow)"; return 1; }
  at=$({ echo "$commit"; rustc -vV; } | cache_for previous)
  if [ ! -e "$at" ]; then
    part=$(part_of "$at")
    build_previous "$commit" "$target" "$part" >&2 || { rm -rf "$part"; echo "commit ${commit:0:12} could not be built"; return 1; }
    settle "$part" "$at"
  fi
  # Those of other commits and compilers, that nobody has asked for in a month.
  touch "$at"
  find "$(cache_folder)" -maxdepth 1 -name 'previous-*' -mtime +30 -exec rm -rf {} +
  echo "$at"
}

# build_previous COMMIT TARGET FOLDER. Cargo takes crates at equal paths in two workspaces for the same, and time stamps for the
# only difference: so the tree is a folder in a workspace of its own, and its crates have paths that no others have.
build_previous() {
  local commit=$1 target=$2 part=$3 tree=$3/tree program
  mkdir -p "$tree/previous" "$part/charts"
  git archive "$commit" | tar -x -C "$tree/previous" --touch || return 1
  mv "$tree"/previous/Cargo.lock "$tree/"
  sed -E 's#path = "#path = "previous/#; /^(default-)?members = \[/,/\]/ s#"([^"]+)"#"previous/\1"#g' "$tree/previous/Cargo.toml" > "$tree/Cargo.toml"
  rm "$tree/previous/Cargo.toml"
  (cd "$tree" && CARGO_TARGET_DIR=$target cargo build --release --locked) || return 1
  for program in fapi-operator fapi-server; do cp "$target/release/$program" "$part/" || return 1; done
  mv "$tree/previous/charts/fapi-operator" "$part/charts/"
  rm -rf "$tree"
}
