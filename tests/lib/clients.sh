# The libraries that clients are written with, as their registries have them. Sourced by tests/run, after cache.sh.
# They are installed once into the cache, in folders named by the lock files and by what runs them.

# node_packages: prints the folder node_modules for tests/clients/node; fails, and says why, where there cannot be one.
node_packages() {
  local from=tests/clients/node at part
  command -v node >/dev/null && command -v npm >/dev/null || { echo "node and npm are not in PATH"; return 1; }
  node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 18) ? 0 : 1)' ||
    { echo "node is $(node --version), and should be 20.18 or later"; return 1; }
  at=$(cat $from/package{,-lock}.json | cache_for clients-node)
  if [ ! -e "$at" ]; then
    part=$(part_of "$at")
    cp $from/package{,-lock}.json "$part"
    npm ci --prefix "$part" --ignore-scripts --no-audit --no-fund >&2 || { rm -rf "$part"; echo "npm could not install them"; return 1; }
    settle "$part" "$at"
  fi
  echo "$at/node_modules"
}

# python_packages: prints the python that knows what tests/clients/python asks for; fails, and says why, where there is none.
python_packages() {
  local from=tests/clients/python at part
  command -v python3 >/dev/null || { echo "python3 is not in PATH"; return 1; }
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(python3 --version), and should be 3.11 or later"; return 1; }
  at=$({ cat $from/requirements.txt; python3 -VV; python3 -c 'import sys; print(sys.executable)'; } | cache_for clients-python)
  if [ ! -e "$at" ]; then
    part=$(part_of "$at")
    # It may be moved when it is complete: python finds its packages from where it is itself.
    { python3 -m venv --without-pip "$part" &&
      python3 -m pip --python "$part/bin/python" install --quiet --no-deps --only-binary :all: -r $from/requirements.txt; } >&2 ||
      { rm -rf "$part"; echo "pip could not install them"; return 1; }
    settle "$part" "$at"
  fi
  echo "$at/bin/python"
}

# part_of FOLDER: an empty folder beside it, to become it when it is complete.
part_of() { mkdir -p "$(dirname "$1")" && mktemp -d "$1.XXXXXX"; }

# settle PART FOLDER: somebody else may have been faster.
settle() { mv -T "$1" "$2" 2>/dev/null || rm -rf "$1"; }
