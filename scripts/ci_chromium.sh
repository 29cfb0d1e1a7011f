#!/usr/bin/env bash
# Gives a machine what the tests of rendering need: Chromium, from Debian's packages.
#
# For Debian and root; elsewhere it says what it skips, and so do the tests. A Chromium (or Chrome)
# that is there already is taken as it is.
set -uo pipefail

say() { echo "chromium: $*" >&2; }

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "skipped: needs root and apt-get; the tests of rendering will skip too"
    exit 0
fi
say "installing chromium"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
get=(apt-get -q -o DPkg::Lock::Timeout=300)
if ! { "${get[@]}" update && "${get[@]}" install -y --no-install-recommends chromium; } \
    >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say "skipped: it cannot be installed; the tests of rendering will skip too"
fi
rm -f "$log"
