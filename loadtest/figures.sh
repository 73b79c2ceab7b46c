#!/usr/bin/env bash
# Measures the figures that ssecast has to show and prints them as a Markdown table.
#
# usage: loadtest/figures.sh [RESULTS]     results as lines of JSON (default: target/figures.json)
#
# The environment may set:
#   REPS=5                          repetitions; the table has medians
#   ONLY="fanout burst idle slow health topics"
#   SERVER_CORE=0 GENERATOR_CORE=1
#   SSECAST=FILE                    another build of ssecast (default: the release build, made here)
#   SSECAST_ARGS="--stream-heartbeat 1h"   no heartbeat falls into a measured window
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(realpath -m "${1:-target/figures.json}")
reps=${REPS:-5}
only=${ONLY:-fanout burst idle slow health topics}
server_core=${SERVER_CORE:-0}
generator_core=${GENERATOR_CORE:-1}
read -ra ssecast_args <<<"${SSECAST_ARGS---stream-heartbeat 1h}"
bin=${CARGO_TARGET_DIR:-target}/release
ssecast=${SSECAST:-$bin/ssecast}

scratch=$(mktemp -d)
server_pid=
failed=0

# SIGKILL: the generator is gone by now, there is nobody to drain.
stop_server() {
    [ -n "$server_pid" ] || return 0
    kill -KILL "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}

cleanup() {
    stop_server
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts floor or ssecast on any port and sets server_pid and address.
start_server() {
    local command=("$bin/examples/floor" --listen 127.0.0.1:0)
    if [ "$1" = ssecast ]; then
        command=("$ssecast" --listen 127.0.0.1:0 "${ssecast_args[@]}")
    fi
    # taskset becomes the server, so this is the server's own id.
    taskset -c "$server_core" "${command[@]}" 2>"$scratch/log" &
    server_pid=$!
    address=
    for _ in $(seq 100); do
        address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
        [ -n "$address" ] && return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "figures: $1 did not start:" >&2
    cat "$scratch/log" >&2
    exit 1
}

# run SERVER REPETITION SCENARIO [ARGUMENTS]: one run against a fresh server.
run() {
    local server=$1 repetition=$2
    shift 2
    start_server "$server"
    taskset -c "$generator_core" "$bin/examples/load" --target "$address" --pid "$server_pid" \
        --label "$server" --repetition "$repetition" --json "$results" --scenario "$@" || {
        echo "figures: failed: $server $*" >&2
        tail -n 5 "$scratch/log" >&2
        failed=1
    }
    stop_server
}

# Both orders take turns, so that neither side always finds the machine warm.
pair() {
    local repetition=$1 scenario=$2
    if [ $((repetition % 2)) = 1 ]; then
        run floor "$repetition" "$scenario"
        run ssecast "$repetition" "$scenario"
    else
        run ssecast "$repetition" "$scenario"
        run floor "$repetition" "$scenario"
    fi
}

cargo build --release --locked --bin ssecast --example floor --example load
mkdir -p "$(dirname "$results")"
: >"$results"

for repetition in $(seq "$reps"); do
    for scenario in $only; do
        case $scenario in
        fanout | burst) pair "$repetition" "$scenario" ;;
        idle | health) run ssecast "$repetition" "$scenario" ;;
        slow)
            run ssecast "$repetition" slow
            run ssecast "$repetition" slow --stalled 1000
            ;;
        topics)
            run ssecast "$repetition" topics --streams 1
            run ssecast "$repetition" topics
            ;;
        *)
            echo "figures: no scenario $scenario" >&2
            exit 2
            ;;
        esac
    done
done

echo
"$bin/examples/load" --report "$results"
exit "$failed"
