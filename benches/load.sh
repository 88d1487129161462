#!/usr/bin/env bash
# Faultline beside the service that it replaces (first_generation.py), under the same load on this machine. `make load` runs it.
# Both serve the runbooks of RUNBOOK_DIR on loopback; all that is started here is stopped here. Takes about half a minute.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
export RUNBOOK_DIR=${RUNBOOK_DIR:-$root/runbooks}
FAULTLINE=${FAULTLINE:-$root/target/release/faultline}
OURS_PORT=${OURS_PORT:-8411}
FIRST_PORT=${FIRST_PORT:-8412}
SECONDS_EACH=${SECONDS_EACH:-6}
venv=$root/target/load-venv

fail() { echo "load: $*" >&2; exit 1; }

have_wrk() { command -v wrk >/dev/null; }
have_wrk || { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && apt-get install -y -qq wrk >/dev/null 2>&1; } || true
have_wrk || fail "wrk is missing (Debian: apt-get install wrk)"

python=python3
runs_first() { "$1" -c 'import fastapi, uvicorn, uvloop, httptools' 2>/dev/null; }
if ! runs_first "$python"; then
    python=$venv/bin/python
    runs_first "$python" || { python3 -m venv "$venv" && "$python" -m pip install --quiet fastapi 'uvicorn[standard]'; } ||
        fail "could not install fastapi and uvicorn"
fi
[ -x "$FAULTLINE" ] || fail "$FAULTLINE is missing (cargo build --release)"

# All descendants of a process, and itself.
tree() {
    echo "$1"
    local child
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$child"; done
}
# Resident memory in MiB, summed over the tree of a process; pages that processes share count in each.
resident() {
    local pid
    for pid in $(tree "$1"); do grep -s VmRSS "/proc/$pid/status" || true; done | awk '{ kib += $2 } END { printf "%.0f", kib / 1024 }'
}

started=()
log=$(mktemp)
stop() {
    local pids=()
    for pid in "${started[@]}"; do mapfile -t -O "${#pids[@]}" pids < <(tree "$pid"); done
    if [ "${#pids[@]}" -gt 0 ]; then
        kill "${pids[@]}" 2>/dev/null || true
        wait "${started[@]}" 2>/dev/null || true
    fi
    rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT TERM

for port in "$OURS_PORT" "$FIRST_PORT"; do
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || fail "port $port is taken (set OURS_PORT or FIRST_PORT)"
done
env APP_HOST=127.0.0.1 APP_PORT="$OURS_PORT" RATE_LIMIT_REQUESTS=0 LOG_LEVEL=warn "$FAULTLINE" serve 2>>"$log" &
ours=$!
started+=("$ours")
"$python" -B -m uvicorn --app-dir "$here" first_generation:app --host 127.0.0.1 --port "$FIRST_PORT" --workers 2 \
    --log-level warning --no-access-log 2>>"$log" &
first=$!
started+=("$first")
for port in "$OURS_PORT" "$FIRST_PORT"; do
    curl --silent --fail --output /dev/null --retry 40 --retry-connrefused --retry-delay 0 --retry-max-time 20 --max-time 5 \
        "http://127.0.0.1:$port/health" || { cat "$log" >&2; fail "nothing answers on port $port"; }
done

# Requests a second at a port; whatever is not answered with 2xx ends the test.
rate() {
    local told
    told=$(wrk -t1 -c16 "-d${SECONDS_EACH}s" -s "$here/load.lua" "http://127.0.0.1:$1")
    if grep -q 'Non-2xx\|Socket errors' <<<"$told"; then echo "$told" >&2; return 1; fi
    awk '/Requests\/sec/ { print $2 }' <<<"$told"
}
row() { printf '%-28s %16s %16s %8s\n' "$@"; }
ratio() { awk -v ours="$1" -v first="$2" 'BEGIN { printf "%.1f", ours / first }'; }

echo "$(nproc) processors; wrk, 16 connections, ${SECONDS_EACH} s each, on the same machine"
row "" "first generation" faultline ratio
started_first=$(resident "$first") started_ours=$(resident "$ours")
distinct_first=$(rate "$FIRST_PORT")
distinct_ours=$(rate "$OURS_PORT")
row "distinct texts, requests/s" "$distinct_first" "$distinct_ours" "$(ratio "$distinct_ours" "$distinct_first")"
export REPEAT=1
repeated_first=$(rate "$FIRST_PORT")
repeated_ours=$(rate "$OURS_PORT")
row "one text again, requests/s" "$repeated_first" "$repeated_ours" "$(ratio "$repeated_ours" "$repeated_first")"
row "memory at start, MiB" "$started_first" "$started_ours" "$(ratio "$started_ours" "$started_first")"
ended_first=$(resident "$first") ended_ours=$(resident "$ours")
row "memory after it, MiB" "$ended_first" "$ended_ours" "$(ratio "$ended_ours" "$ended_first")"
