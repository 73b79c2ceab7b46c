#!/usr/bin/env bash
# Measures ssecast beside the bare floor and nginx with Nchan, and writes what came out to loadtest/RESULTS.md.
#
# usage: loadtest/compare.sh [RESULTS]     results as lines of JSON (default: target/compare.json)
#
# Each server gets one core and the generator another; they take turns, in another order in each repetition. On
# Debian and Ubuntu nginx, Nchan and Redis are installed where they are missing. The environment may set:
#
#   REPS=5                          repetitions; the tables have medians
#   ONLY="fanout burst …"           some of the scenarios, see `scenarios` below; RESULTS.md is then left alone
#   SERVER_CORE=0 GENERATOR_CORE=1  Redis runs on the generator's
#   SSECAST=FILE                    another build of ssecast (default: the release build, made here)
#   SSECAST_ARGS="--stream-heartbeat 1h"   no heartbeat falls into a measured window
#   APPEND=1                        add to RESULTS, and leave out building
set -euo pipefail
cd "$(dirname "$0")/.."

scenarios=(fanout-1000 fanout-5000 fanout-15000 burst idle topics tenants churn storm slow health ingest redis-burst redis-health)
results=$(realpath -m "${1:-target/compare.json}")
reps=${REPS:-5}
only=${ONLY:-${scenarios[*]}}
server_core=${SERVER_CORE:-0}
generator_core=${GENERATOR_CORE:-1}
read -ra ssecast_args <<<"${SSECAST_ARGS---stream-heartbeat 1h}"
bin=${CARGO_TARGET_DIR:-target}/release
ssecast=${SSECAST:-$bin/ssecast}
modules=/usr/lib/nginx/modules

scratch=$(mktemp -d)
server_pid=
parent_pid=
second_pid=
redis_pid=
failed=0

has() { command -v "$1" >/dev/null 2>&1; }

install_missing() {
    local missing=()
    has nginx || missing+=(nginx)
    [ -e "$modules/ngx_nchan_module.so" ] || missing+=(libnginx-mod-nchan)
    has redis-server || missing+=(redis-server)
    has openssl || missing+=(openssl)
    [ "${#missing[@]}" -gt 0 ] || return 0
    has apt-get || { echo "compare: please install ${missing[*]}" >&2; exit 1; }
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" ||
        { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "${missing[@]}"; }
}

# SIGKILL: the generator is gone by now, there is nobody to drain. A parent goes first, or it starts another child.
stop() {
    local pid
    for pid in "$@"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}

stop_server() {
    stop $parent_pid $server_pid $second_pid
    server_pid=
    parent_pid=
    second_pid=
}

stop_redis() {
    stop $redis_pid
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

give_up() {
    echo "compare: $1 did not start:" >&2
    cat "$2" >&2
    exit 1
}

# await FILE TEXT PID: waits until the process has written a line with the text.
await() {
    for _ in $(seq 100); do
        grep -q "$2" "$1" && return 0
        kill -0 "$3" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

any_port() { echo $((20000 + RANDOM % 10000)); }

# start_server NAME [ARGUMENTS]: starts floor, nchan or ssecast on any port; sets server_pid and address.
start_server() {
    local name=$1
    shift
    case $name in
    nchan) start_nchan ;;
    floor) start_process "$name" "$bin/examples/floor" --listen 127.0.0.1:0 ;;
    *) start_process "$name" "$ssecast" --listen 127.0.0.1:0 "${ssecast_args[@]}" "$@" ;;
    esac
}

# What says on standard error where it listens.
start_process() {
    local name=$1
    shift
    # taskset becomes the server, so this is the server's own id.
    taskset -c "$server_core" "$@" 2>"$scratch/log" &
    server_pid=$!
    await "$scratch/log" "listening on 127\.0\.0\.1:" "$server_pid" || give_up "$name" "$scratch/log"
    address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
}

# nginx: the server is the one worker.
start_nchan() {
    local port
    for _ in $(seq 10); do
        port=$(any_port)
        sed -e "s|@MODULES@|$modules|; s|@SCRATCH@|$scratch|; s|@PORT@|$port|" loadtest/nchan.conf >"$scratch/nginx.conf"
        taskset -c "$server_core" nginx -c "$scratch/nginx.conf" 2>"$scratch/log" &
        parent_pid=$!
        for _ in $(seq 50); do
            server_pid=$(pgrep -P "$parent_pid") && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
            kill -0 "$parent_pid" 2>/dev/null || break
            sleep 0.1
        done
        stop_server
    done
    [ -n "$server_pid" ] || give_up nginx "$scratch/log"
    address=127.0.0.1:$port
}

# Starts a Redis that cuts off no slow subscriber, and sets redis_pid and redis_url.
start_redis() {
    local port
    for _ in $(seq 10); do
        port=$(any_port)
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

# measure LABEL SCENARIO [ARGUMENTS]: one run against the process that was started.
measure() {
    local label=$1
    shift
    taskset -c "$generator_core" "$bin/ssecast-load" "$@" --pid "$server_pid" \
        --label "$label" --repetition "$repetition" --json "$results" || {
        echo "compare: failed: $label $*" >&2
        tail -n 5 "$scratch/log" >&2
        failed=1
    }
}

# run SERVER SCENARIO [ARGUMENTS]: one run against a fresh server.
run() {
    local server=$1 dialect=()
    shift
    start_server "$server"
    [ "$server" = nchan ] && dialect=(--dialect nchan)
    measure "$server" "$@" --target "$address" "${dialect[@]}"
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

# One event after another for one of so many tenants, each with a stream.
run_tenants() {
    start_server ssecast --auth-open-tenants
    measure ssecast tenants --streams "$1" --target "$address"
    stop_server
}

# What the redis crate receives alone.
run_redis_floor() {
    start_redis
    taskset -c "$server_core" "$bin/examples/redis_floor" "$redis_url" 2>"$scratch/log" &
    server_pid=$!
    measure redis_floor feed --redis "$redis_url"
    stop_with_redis
}

run_ingest() {
    start_with_redis 64MiB
    measure ssecast ingest --redis "$redis_url" --target "$address" "$@"
    stop_with_redis
}

# run_tls LABEL SCENARIO [ARGUMENTS]: streams with TLS where the label says so. All else goes by the admin side, in the
# clear, with either label, so that the streams are all that differs.
run_tls() {
    local label=$1 identity=() tls=()
    shift
    if [ "$label" = ssecast-tls ]; then
        [ -e "$scratch/tls.key" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj /CN=localhost -addext subjectAltName=DNS:localhost \
            -keyout "$scratch/tls.key" -out "$scratch/tls.pem" 2>"$scratch/openssl.log" || give_up openssl "$scratch/openssl.log"
        identity=(--tls-cert-file "$scratch/tls.pem" --tls-key-file "$scratch/tls.key")
        tls=(--tls)
    fi
    start_server ssecast --server-admin-listen 127.0.0.1:0 "${identity[@]}"
    await "$scratch/log" "admin side at" "$server_pid" || give_up ssecast "$scratch/log"
    local admin
    admin=$(sed -n 's/.*admin side at \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
    measure "$label" "$@" --target "$address" --admin "$admin" "${tls[@]}"
    stop_server
}

# both_ways SCENARIO [ARGUMENTS]: in the clear and with TLS in turns.
both_ways() { take_turns "run_tls ssecast $*" "run_tls ssecast-tls $*"; }

# What is published in one go should fit in a stream's buffer.
run_redis_burst() {
    start_with_redis 1MiB
    measure ssecast burst --events 1000 --rounds 5 --redis "$redis_url" --target "$address"
    stop_with_redis
}

# run_redis_health LABEL: any other label than ssecast has Redis killed before the run.
run_redis_health() {
    start_with_redis 256KiB
    [ "$1" = ssecast ] || stop_redis
    measure "$1" health --streams 1000 --rate 100 --events 500 --target "$address"
    stop_with_redis
}

# One process, or two on one port, each on a core of its own; the generator shares that of the second.
run_processes() {
    start_redis
    local share=(--server-reuse-port --mode redis --redis-url "$redis_url") pids=()
    start_server ssecast "${share[@]}"
    await "$scratch/log" "subscribed to Redis" "$server_pid" || give_up ssecast "$scratch/log"
    if [ "$1" = 2 ]; then
        taskset -c "$generator_core" "$ssecast" --listen "$address" "${ssecast_args[@]}" "${share[@]}" 2>"$scratch/log2" &
        second_pid=$!
        await "$scratch/log2" "subscribed to Redis" "$second_pid" || give_up ssecast "$scratch/log2"
        pids=(--pid "$second_pid")
    fi
    measure "ssecast-x$1" fanout --streams 10000 --events 40 --redis "$redis_url" --target "$address" "${pids[@]}"
    stop_with_redis
}

# take_turns COMMAND...: all of them, each repetition beginning with another one, and every second one backwards.
take_turns() {
    local commands=("$@") count=$# at
    for at in $(seq 0 $((count - 1))); do
        [ $((repetition % 2)) = 1 ] || at=$((count - 1 - at))
        ${commands[$(((at + repetition / 2) % count))]}
    done
}

# each SERVERS SCENARIO [ARGUMENTS]: the scenario for each of the servers.
each() {
    local servers=$1 commands=() server
    shift
    for server in $servers; do
        commands+=("run $server $*")
    done
    take_turns "${commands[@]}"
}

measure_scenario() {
    case $1 in
    fanout-1000) each "floor nchan ssecast" fanout --streams 1000 --events 300 ;;
    fanout-5000) each "floor nchan ssecast" fanout --streams 5000 --events 100 ;;
    fanout-15000) each "floor nchan ssecast" fanout --streams 15000 --events 40 ;;
    burst) each "floor nchan ssecast" burst --rounds 5 ;;
    idle) each "floor nchan ssecast" idle ;;
    topics)
        each "nchan ssecast" topics
        run ssecast topics --streams 1
        ;;
    tenants) take_turns "run_tenants 10000" "run_tenants 1" ;;
    churn) run ssecast churn ;;
    # The floor keeps no history.
    storm) each "nchan ssecast" storm ;;
    slow) take_turns "run ssecast slow" "run ssecast slow --stalled 1000" ;;
    health) run ssecast health ;;
    ingest)
        take_turns run_redis_floor run_ingest
        # Segments of 64 KiB, as loopback has them (README.md says why).
        run_ingest --mss 0
        ;;
    # One round has the floor send 2 million times, and it does not batch: more would show the same.
    redis-burst) take_turns run_redis_burst "run floor burst --events 1000 --rounds 1" ;;
    redis-health) take_turns "run_redis_health ssecast" "run_redis_health redis-killed" ;;
    tls-fanout) both_ways fanout --streams 5000 --events 100 ;;
    tls-idle) both_ways idle ;;
    tls-storm) both_ways storm ;;
    processes) take_turns "run_processes 1" "run_processes 2" ;;
    # Half an hour; what is kept of the past has to be full before its growth is measured.
    soak)
        start_server ssecast --stream-history-events 1000
        measure ssecast soak --target "$address"
        stop_server
        ;;
    *)
        echo "compare: no scenario $1; there are: ${scenarios[*]} tls-fanout tls-idle tls-storm processes soak" >&2
        exit 2
        ;;
    esac
}

describe_machine() {
    echo "- Date: $(date -u +%Y-%m-%d), ssecast at $commit"
    echo "- Machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
        "$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024 / 1024)) GiB, Linux $(uname -r | cut -d- -f1)"
    echo "- Server on core $server_core, generator (and Redis) on core $generator_core, loopback"
    echo "- $(rustc --version), release profile of Cargo.toml"
    echo "- $(nginx -v 2>&1 | sed 's/^nginx version: //'), Nchan $(dpkg-query -W -f '${Version}' libnginx-mod-nchan 2>/dev/null || echo '?')"
    echo "- $(redis-server --version | sed 's/ sha=.*//')"
    echo "- Repetitions: $reps; medians, and of ratios their range"
}

# A soak that was made on its own (ONLY=soak REPS=1 loadtest/compare.sh target/soak.json) is on the page, too.
write_page() {
    local reported=("$results")
    [ ! -s "$(dirname "$results")/soak.json" ] || reported+=("$(dirname "$results")/soak.json")
    {
        sed -n '1,/^<!-- results -->$/p' loadtest/RESULTS.md
        echo
        describe_machine
        echo
        "$bin/ssecast-load" report "${reported[@]}"
        echo
        sed -n '/^<!-- end of results -->$/,$p' loadtest/RESULTS.md
    } >"$scratch/RESULTS.md"
    cp "$scratch/RESULTS.md" loadtest/RESULTS.md
    local notes=() line
    while read -r line; do
        notes+=(--note "${line#- }")
    done < <(describe_machine)
    "$bin/ssecast-load" report "${reported[@]}" --html "${results%.json}.html" "${notes[@]}" >/dev/null
    echo "compare: wrote loadtest/RESULTS.md and ${results%.json}.html"
}

install_missing
commit=$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
if [ -z "${APPEND:-}" ]; then
    cargo build --release --locked --bin ssecast --bin ssecast-load --example floor --example redis_floor
    mkdir -p "$(dirname "$results")"
    : >"$results"
fi

# What is added to a file has repetitions of its own: ratios are those of runs made one after the other.
first=1
[ -z "${APPEND:-}" ] || [ ! -s "$results" ] || first=$(($(sed -n 's/.*"repetition":\([0-9]*\).*/\1/p' "$results" | sort -n | tail -n 1) + 1))
for repetition in $(seq "$first" $((first + reps - 1))); do
    for scenario in $only; do
        measure_scenario "$scenario"
    done
done

echo
"$bin/ssecast-load" report "$results"
[ -n "${ONLY:-}" ] || write_page
exit "$failed"
