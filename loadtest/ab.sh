#!/usr/bin/env bash
# Compares two servers in one run: their runs take turns, and each metric has the median of the ratios of pairs.
#
# usage: loadtest/ab.sh OLD NEW SCENARIO [ARGUMENTS]
#
#     loadtest/ab.sh old/ssecast target/release/ssecast fanout --events 50
#     loadtest/ab.sh target/release/examples/floor target/release/ssecast idle
#     loadtest/ab.sh target/release/ssecast "target/release/ssecast --stream-sndbuf-bytes 16KiB" burst
#
# The environment may set:
#   REPS=9                          pairs, an odd number
#   METRICS="cpu_us_per_delivery …" which metrics (default: those that the scenario has of a few common ones)
#   SERVER_CORE=0 GENERATOR_CORE=1
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }
old=$1 new=$2
shift 2
cd "$(dirname "$0")/.."
load=${CARGO_TARGET_DIR:-target}/release/ssecast-load
common="cpu_us_per_delivery cpu_us_per_event cpu_us_per_open deliveries_per_s events_per_s opened_per_s
    latency_p50_us latency_p99_us rss_per_stream_bytes storm_latency_ratio storm_complete_s"
metrics=${METRICS:-$common}
scratch=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; rm -rf "$scratch"' EXIT

# run NAME COMMAND SCENARIO [ARGUMENTS]: one run against a fresh server, its metrics a line each.
run() {
    local name=$1 command=() options=() address=
    read -ra command <<<"$2"
    shift 2
    : >"$scratch/log"
    [[ ${command[0]} == */floor ]] || options=(--stream-heartbeat 1h)
    taskset -c "${SERVER_CORE:-0}" "${command[@]}" --listen 127.0.0.1:0 "${options[@]}" 2>"$scratch/log" &
    pid=$!
    for _ in $(seq 100); do
        address=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$scratch/log" | head -n 1)
        [ -z "$address" ] || break
        sleep 0.05
    done
    [ -n "$address" ] || { echo "ab: $name did not start:" >&2; cat "$scratch/log" >&2; exit 1; }
    # A run that lost events does not count, nor does its pair.
    if taskset -c "${GENERATOR_CORE:-1}" "$load" "$@" --target "$address" --pid "$pid" \
        >"$scratch/out" 2>"$scratch/err"; then
        awk -v name="$name" -v pair="$pair" 'NF == 2 { print pair, name, $1, $2 }' "$scratch/out" >>"$scratch/metrics"
    else
        echo "ab: pair $pair, $name: $(tail -n 1 "$scratch/err")" >&2
    fi
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
}

# An odd number has a middle.
for pair in $(seq $((${REPS:-9} | 1))); do
    if [ $((pair % 2)) = 1 ]; then
        run old "$old" "$@"
        run new "$new" "$@"
    else
        run new "$new" "$@"
        run old "$old" "$@"
    fi
done
for metric in $metrics; do
    awk -v metric="$metric" '$3 == metric { value[$1, $2] = $4; pairs[$1] }
        END { for (pair in pairs) if (value[pair, "old"] > 0 && value[pair, "new"] > 0)
            print value[pair, "new"] / value[pair, "old"], value[pair, "old"], value[pair, "new"] }' "$scratch/metrics" |
        sort -n | awk -v metric="$metric" '{ ratio[NR] = $1; old[NR] = $2; new[NR] = $3 }
        END { if (NR) { middle = int((NR + 1) / 2)
            printf "%-22s new/old %.3f (%.3f to %.3f), in the middle pair %.3f and %.3f, %d pairs\n", metric,
                ratio[middle], ratio[1], ratio[NR], new[middle], old[middle], NR } }'
done
