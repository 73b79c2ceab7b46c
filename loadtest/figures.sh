#!/usr/bin/env bash
# Measures the figures that ssecast has to show and prints them as a Markdown table.
#
# usage: loadtest/figures.sh [RESULTS]     results as lines of JSON (default: target/figures.json)
#
# The environment may set:
#   REPS=5                          repetitions; the table has medians
#   ONLY="fanout burst idle slow health topics ingest redis-burst redis-health"
#   SERVER_CORE=0 GENERATOR_CORE=1  Redis runs on the generator's
#   SSECAST=FILE                    another build of ssecast (default: the release build, made here)
#   SSECAST_ARGS="--stream-heartbeat 1h"   no heartbeat falls into a measured window
set -euo pipefail
cd "$(dirname "$0")/.."

results=$(realpath -m "${1:-target/figures.json}")
reps=${REPS:-5}
only=${ONLY:-fanout burst idle slow health topics ingest redis-burst redis-health}
server_core=${SERVER_CORE:-0}
generator_core=${GENERATOR_CORE:-1}
read -ra ssecast_args <<<"${SSECAST_ARGS---stream-heartbeat 1h}"
bin=${CARGO_TARGET_DIR:-target}/release
ssecast=${SSECAST:-$bin/ssecast}

scratch=$(mktemp -d)
server_pid=
redis_pid=
failed=0

# SIGKILL: the generator is gone by now, there is nobody to drain.
stop() {
    [ -n "$1" ] || return 0
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

stop_server() {
    stop "$server_pid"
    server_pid=
}

stop_redis() {
    stop "$redis_pid"
    redis_pid=
}

cleanup() {
    stop_server
    stop_redis
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# await FILE TEXT PID: waits until the process has written a line with the text.
await() {
    for _ in $(seq 100); do
        grep -q "$2" "$1" && return 0
        kill -0 "$3" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# Starts floor or ssecast on any port and sets server_pid and address. What follows are arguments of ssecast.
start_server() {
    local name=$1
    shift
    local command=("$bin/examples/floor" --listen 127.0.0.1:0)
    if [ "$name" = ssecast ]; then
        command=("$ssecast" --listen 127.0.0.1:0 "${ssecast_args[@]}" "$@")
    fi
    # taskset becomes the server, so this is the server's own id.
    taskset -c "$server_core" "${command[@]}" 2>"$scratch/log" &
    server_pid=$!
    await "$scratch/log" "listening on 127\.0\.0\.1:" "$server_pid" || give_up "$name" "$scratch/log"
    address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
}

# Starts a Redis that cuts off no slow subscriber, and sets redis_pid and redis_url.
start_redis() {
    local port
    for _ in $(seq 10); do
        port=$((20000 + RANDOM % 10000))
        taskset -c "$generator_core" redis-server --bind 127.0.0.1 --port "$port" --dir "$scratch" --save "" \
            --client-output-buffer-limit "pubsub 0 0 0" --daemonize no >"$scratch/redis.log" 2>&1 &
        redis_pid=$!
        redis_url=redis://127.0.0.1:$port
        await "$scratch/redis.log" "Ready to accept connections" "$redis_pid" && return 0
        # The port was not free.
        stop_redis
    done
    give_up redis-server "$scratch/redis.log"
}

give_up() {
    echo "figures: $1 did not start:" >&2
    cat "$2" >&2
    exit 1
}

# measure LABEL REPETITION SCENARIO [ARGUMENTS]: one run against the process that was started.
measure() {
    local label=$1 repetition=$2
    shift 2
    taskset -c "$generator_core" "$bin/examples/load" --pid "$server_pid" \
        --label "$label" --repetition "$repetition" --json "$results" --scenario "$@" || {
        echo "figures: failed: $label $*" >&2
        tail -n 5 "$scratch/log" >&2
        failed=1
    }
}

# run SERVER REPETITION SCENARIO [ARGUMENTS]: one run against a fresh server.
run() {
    local server=$1 repetition=$2
    shift 2
    start_server "$server"
    measure "$server" "$repetition" "$@" --target "$address"
    stop_server
}

# Starts a Redis, and an ssecast that is subscribed to it and allows one to lag by so many bytes.
start_with_redis() {
    start_redis
    start_server ssecast --mode redis --redis-url "$redis_url" --stream-buffer-bytes "$1"
    await "$scratch/log" "subscribed to Redis" "$server_pid" || give_up ssecast "$scratch/log"
}

stop_with_redis() {
    stop_server
    stop_redis
}

# What the redis crate receives alone.
run_redis_floor() {
    start_redis
    taskset -c "$server_core" "$bin/examples/redis_floor" "$redis_url" 2>"$scratch/log" &
    server_pid=$!
    measure redis_floor "$1" feed --redis "$redis_url"
    cat "$scratch/log"
    stop_with_redis
}

# run_ingest REPETITION [ARGUMENTS]
run_ingest() {
    local repetition=$1
    shift
    start_with_redis 64MiB
    measure ssecast "$repetition" ingest --redis "$redis_url" --target "$address" "$@"
    stop_with_redis
}

# What is published in one go should fit in a stream's buffer.
run_redis_burst() {
    start_with_redis 1MiB
    measure ssecast "$1" redis-burst --redis "$redis_url" --target "$address"
    stop_with_redis
}

# run_redis_health REPETITION LABEL: any other label than ssecast has Redis killed before the run.
run_redis_health() {
    start_with_redis 256KiB
    [ "$2" = ssecast ] || stop_redis
    measure "$2" "$1" redis-health --target "$address"
    stop_with_redis
}

# take_turns REPETITION ONE OTHER: both orders take turns, so that neither side always finds the machine warm.
take_turns() {
    if [ $(($1 % 2)) = 1 ]; then
        $2
        $3
    else
        $3
        $2
    fi
}

cargo build --release --locked --bin ssecast --example floor --example redis_floor --example load
mkdir -p "$(dirname "$results")"
: >"$results"

for repetition in $(seq "$reps"); do
    for scenario in $only; do
        case $scenario in
        fanout | burst)
            take_turns "$repetition" "run floor $repetition $scenario" "run ssecast $repetition $scenario"
            ;;
        idle | health) run ssecast "$repetition" "$scenario" ;;
        slow)
            run ssecast "$repetition" slow
            run ssecast "$repetition" slow --stalled 1000
            ;;
        topics)
            run ssecast "$repetition" topics --streams 1
            run ssecast "$repetition" topics
            ;;
        ingest)
            take_turns "$repetition" "run_redis_floor $repetition" "run_ingest $repetition"
            # Shown beside it, as it may take 40 ms for every 64 KiB (README.md says why).
            run_ingest "$repetition" --mss 0 --events 20000
            ;;
        redis-burst)
            # One round has the floor send 2 million times, and it does not batch: more would show the same.
            take_turns "$repetition" "run floor $repetition burst --publishers 1000 --rounds 1" \
                "run_redis_burst $repetition"
            ;;
        redis-health)
            take_turns "$repetition" "run_redis_health $repetition ssecast" \
                "run_redis_health $repetition redis-killed"
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
