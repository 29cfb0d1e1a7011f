#!/usr/bin/env bash
# Gives a machine what the sandbox's tests need: bubblewrap, a Docker engine, the kernels' image.
#
#   eval "$(scripts/ci_sandbox.sh up)"    # exports DOCKER_HOST; says on stderr what it does
#   scripts/ci_sandbox.sh down            # stops the engine that `up` started
#   scripts/ci_sandbox.sh purge           # and removes everything that it made
#
# For Debian and root; elsewhere it says what it skips, and so do the tests. What is there already
# (a package, an engine that answers, an image) is taken as it is, so that a second run is quick.
# The engine has no bridge and publishes no port, listens on a socket of its own, and needs no
# image registry: its base image is made here from Debian's packages.
#
#   GLM_SANDBOX_STATE   folder for the engine and its images (default /var/lib/glm-sandbox-ci)
#   GLM_SANDBOX_STRICT  "1": a step that fails ends this with an error instead of a skip
#   PYTHON              an interpreter with glm-agent's dev extra (default .venv/bin/python)
set -uo pipefail
cd "$(dirname "$0")/.."

STATE=${GLM_SANDBOX_STATE:-/var/lib/glm-sandbox-ci}
SOCKET=$STATE/docker.sock
PIDFILE=$STATE/docker.pid
BASE=glm-sandbox-base:bookworm
PYTHON=${PYTHON:-.venv/bin/python}
# What the image needs of Debian: build containers have no network, so it goes into the base.
PACKAGES=python3,python3-venv,fonts-wqy-microhei

say() { echo "sandbox: $*" >&2; }

skip() {
    say "skipped: $*"
    say "tests that need it will skip too"
    [ "${GLM_SANDBOX_STRICT:-}" = 1 ] && exit 1
    exit 0
}

answers() { DOCKER_HOST=$1 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# Is the process of the pid file our engine? A stale file may name a stranger's process.
running() {
    local pid
    pid=$(cat "$PIDFILE" 2>/dev/null) && [ -n "$pid" ] &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -F -- "--host unix://$SOCKET"
}

packages() {
    local missing=()
    command -v bwrap >/dev/null || missing+=(bubblewrap)
    # The command alone is only the client.
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local get=(apt-get -q -o DPkg::Lock::Timeout=300)
    { "${get[@]}" update && "${get[@]}" install -y --no-install-recommends "${missing[@]}"; } \
        >"$STATE/apt.log" 2>&1 || { tail -n 5 "$STATE/apt.log" >&2; return 1; }
}

engine() {
    if running && [ -n "$(answers "unix://$SOCKET")" ]; then
        say "the engine runs already"
        return 0
    fi
    rm -f "$SOCKET" "$PIDFILE"
    # Members of the group docker may use it, as with Debian's own service.
    setsid dockerd --host "unix://$SOCKET" --group docker \
        --data-root "$STATE/data" --exec-root "$STATE/exec" --pidfile "$PIDFILE" \
        --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none \
        >"$STATE/engine.log" 2>&1 </dev/null &
    local version
    for _ in $(seq 150); do
        version=$(answers "unix://$SOCKET") && [ -n "$version" ] && break
        sleep 0.2
    done
    [ -n "${version:-}" ] || { tail -n 5 "$STATE/engine.log" >&2; return 1; }
    say "engine $version listens on $SOCKET"
}

base() {
    docker image inspect "$BASE" >/dev/null 2>&1 && return 0
    say "making the base image from Debian's packages (about a minute)"
    local mirror root
    # The mirror that this machine's apt uses.
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' |
        head -n 1)
    root=$(mktemp -d "$STATE/root.XXXXXX") || return 1
    if debootstrap --variant=minbase --include="$PACKAGES" bookworm "$root" "$mirror" \
        >"$STATE/debootstrap.log" 2>&1; then
        tar -C "$root" -c --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' \
            --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' . |
            docker import - "$BASE" >/dev/null
    else
        tail -n 5 "$STATE/debootstrap.log" >&2
    fi
    local made=$?
    rm -rf --one-file-system "$root"
    [ $made -eq 0 ] && docker image inspect "$BASE" >/dev/null 2>&1
}

image() {
    say "building the kernels' image"
    "$PYTHON" -m glm_agent sandbox build --base "$BASE" --offline >&2
}

up() {
    [ "$(id -u)" -eq 0 ] || skip "bubblewrap and the Docker engine: this needs root"
    [ -e /etc/debian_version ] || skip "bubblewrap and the Docker engine: this machine is no Debian"
    mkdir -p "$STATE" && chmod 755 "$STATE" || skip "$STATE cannot be made"
    packages || skip "bubblewrap and the Docker engine: apt-get failed"
    if [ -n "${DOCKER_HOST:-}" ] && [ -n "$(answers "$DOCKER_HOST")" ]; then
        say "taking the engine at $DOCKER_HOST"
    else
        engine || skip "the Docker engine does not start"
        export DOCKER_HOST=unix://$SOCKET
    fi
    base || skip "the base image cannot be made"
    image || skip "the kernels' image cannot be built"
    echo "export DOCKER_HOST=$DOCKER_HOST"
}

down() {
    running || return 0
    local pid
    pid=$(cat "$PIDFILE")
    # Containers end with the engine only when it is told to end them.
    docker --host "unix://$SOCKET" ps -q | xargs -r docker --host "unix://$SOCKET" rm -f >/dev/null
    kill -TERM "$pid"
    for _ in $(seq 150); do
        [ -e "/proc/$pid" ] || break
        sleep 0.2
    done
    [ -e "/proc/$pid" ] && kill -KILL "$pid"
    say "the engine is stopped"
}

case "${1:-}" in
up) up ;;
down) down ;;
purge)
    down
    rm -rf --one-file-system "$STATE"
    ;;
*)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
