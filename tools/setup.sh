#!/usr/bin/env bash
# What `make` needs on a bare Debian or Ubuntu, and nothing else. Says clearly what is missing where it may not install it.
set -euo pipefail

# Install Debian packages where we are root; otherwise tell what to ask for, all of it at once.
debian() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing $*"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
    return
  fi
  local demo tests
  demo=$(absent_for_demo) tests=$(absent_parts)
  {
    echo "setup: missing $*, which only an administrator may install. Ask for all that is missing on this machine, then give the same command again:"
    if [ -n "$demo" ]; then printf '  %-16s sudo apt-get install %s\n' 'make demo:' "${demo//$'\n'/ }"; fi
    if [ -n "$tests" ]; then printf '  %-16s sudo apt-get install %s\n' 'make test, too:' "${tests//$'\n'/ }"; fi
  } >&2
  exit 1
}

# Debian's packages that are not here yet, one a line.
absent_for_demo() {
  command -v "${PYTHON:-python3}" >/dev/null || echo python3
  "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  type -P node >/dev/null || echo nodejs  # `command -v` finds the function below
  command -v npm >/dev/null || echo npm
}

# The first of these interpreters that is new enough and has what a venv needs; the last where none is: `venv` says what it lacks.
python() {
  local candidate
  for candidate in "$@"; do
    if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
  done
  echo "$candidate"
}

absent_parts() {
  local package
  for package in chromium sane-utils sane-airscan cups-ipp-utils espeak-ng fuse3 nftables iproute2 rsync; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
  done
}

venv() {
  local python=$1 lock=$2
  command -v "$python" >/dev/null || debian python3 python3-venv
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: $("$python" --version) is too old; Kabine needs Python 3.11 or later (make PYTHON=python3.12 …)" >&2
    exit 1
  }
  if [ ! -x .venv/bin/python ]; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then debian python3-venv; fi
    "$python" -m venv .venv
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  # The package itself, from here: with the build tool of the lock file, nothing fetched.
  PYTHONWARNINGS=ignore .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  fast
}

# Where a C compiler is: the inner loop of JBIG2. Without one pages are kept as CCITT G4, about twice as large.
fast() {
  local folder=.venv/lib/kabine compiler
  mkdir -p "$folder"
  for compiler in cc gcc clang; do
    command -v "$compiler" >/dev/null || continue
    if "$compiler" -O2 -shared -fPIC -o "$folder/.jbig2_fast.so" edge/capture/jbig2_fast.c; then
      mv "$folder/.jbig2_fast.so" "$folder/jbig2_fast.so"
      return
    fi
  done
  rm -f "$folder/jbig2_fast.so"
  echo "setup: no C compiler; pages will be kept as G4, not as JBIG2 (works, larger). For JBIG2: apt-get install gcc libc6-dev, then $0 fast"
}

node() {
  local absent=()
  type -P node >/dev/null || absent+=(nodejs)
  command -v npm >/dev/null || absent+=(npm)
  if [ ${#absent[@]} -gt 0 ]; then debian "${absent[@]}"; fi
  # The looks of the visitor's screen, and for tests a second implementation of envelopes; nothing of theirs is copied in here.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

# What the tests drive for real: a browser, scanners, a printer, a voice, file systems and networks that fail.
parts() {
  local absent
  mapfile -t absent < <(absent_parts)
  if [ ${#absent[@]} -gt 0 ]; then debian "${absent[@]}"; fi
}

case "${1:-}" in
  python) python "${@:2}" ;;
  venv) venv "$2" "$3" ;;
  fast) fast ;;
  node) node ;;
  parts) parts ;;
  *) echo "usage: tools/setup.sh python PYTHON... | venv PYTHON LOCK | fast | node | parts" >&2; exit 2 ;;
esac
