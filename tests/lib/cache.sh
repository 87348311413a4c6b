# Where the tests keep what is expensive to make, outside the checkout. Sourced, never run.

# The folder for everything that outlives a run.
cache_folder() { echo "${FAPI_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fapi-operator}"; }

# The folder for what was made from the inputs that are read on stdin: equal inputs, equal folder.
cache_for() { # KIND
  echo "$(cache_folder)/$1-$(sha256sum | cut -c1-16)"
}
