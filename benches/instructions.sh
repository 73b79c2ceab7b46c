#!/bin/sh
# Counts the instructions of one round of a bench, as `cargo bench` names it, and says where they went.
#
#     benches/instructions.sh 'sweep/bare, 1 event' [LINES]
#
# Needs valgrind. The count is the same from run to run to within a few in a thousand, on a busy machine
# too, but knows nothing of caches. The one round is the first: what grows in it and is kept counts as well.
# What is prepared runs under valgrind uncounted, and slowly.
set -eu
[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }

built=$(cargo bench --bench costs --no-run --message-format=json)
bench=$(printf '%s\n' "$built" | sed -n 's/.*"name":"costs".*"executable":"\([^"]*\)".*/\1/p')
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
valgrind --tool=callgrind --callgrind-out-file="$counts" --toggle-collect='*::support::measured*' \
    "$bench" --bench --test --exact "$1" 2>&1 | grep -E '^(Testing|Success)'
# A function's own lines and those inlined into it, whatever files they stand in, as one number.
callgrind_annotate --threshold=99 --auto=no --show-percs=no "$counts" | awk '
    /PROGRAM TOTALS/ { gsub(",", ""); own["in all"] = $1 }
    /^ *[0-9,]+  .*:/ && !/PROGRAM TOTALS/ {
        count = $1; gsub(",", "", count)
        sub(/^ *[0-9,]+  [^ ]*[^:]:/, ""); sub(/^:?/, ""); sub(/ \[[^]]*\]$/, "")
        own[$0] += count
    }
    END { for (name in own) printf "%12d  %s\n", own[name], name }' | sort -rn | head -n "${2:-12}"
