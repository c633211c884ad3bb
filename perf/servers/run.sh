#!/usr/bin/env bash
# A server under load, with the library PRELOAD names: seconds that its clients took, and the MiB that all its processes had at most (the
# sum of their proportional shares, sampled), on standard error as perf/measure.c prints them.
#
#     PRELOAD=LIBRARY perf/servers/run.sh SERVER      one of the files beside this one
#
# A server's file has functions: prepare, once before all runs; start, which replaces the shell by the server; ready; load, the clients.
set -euo pipefail
here=$(dirname "$0")
name=$1
work=$PWD/out/perf/servers/$name
# A server may be linked with an allocator, as Debian's redis is with jemalloc: without another, the C library's comes before that.
preload=${PRELOAD:-$(ldd /bin/true | awk '/libc\.so/ { print $3 }')}
unset PRELOAD
. "$here/$name.sh"

if [ ! -d "$work" ]; then
    mkdir -p "$work"
    prepare > "$work.log" 2>&1 || { rm -rf "$work"; echo "$0: $name cannot be prepared: $work.log" >&2; exit 1; }
fi

# The server and its processes form a session, by which they are found again.
(LD_PRELOAD=$preload start) > "$work.log" 2>&1 &
server=$!
trap 'pkill -TERM -s $session 2> /dev/null; wait $server 2> /dev/null || true' EXIT
session=$server

# Kilobytes of all processes of the session together, at most.
sample() {
    local most=0 now
    while sleep 0.1; do
        now=$(for process in $(pgrep -s "$session"); do cat "/proc/$process/smaps_rollup" 2> /dev/null; done | awk '$1 == "Pss:" { sum += $2 } END { print sum + 0 }')
        [ "$now" -gt "$most" ] && most=$now && echo "$most" > "$work.peak.new" && mv "$work.peak.new" "$work.peak"
    done
}

for attempt in $(seq 200); do
    ready > /dev/null 2>&1 && break
    kill -0 "$server" 2> /dev/null && [ "$attempt" != 200 ] || { echo "$0: $name does not start: $work.log" >&2; exit 1; }
    sleep 0.05
done
rm -f "$work.peak"
sample 2> /dev/null & # which may be killed at any moment
sampler=$!
before=$(date +%s.%N)
load > "$work.load" 2>&1 || { echo "$0: the clients of $name failed: $work.load" >&2; exit 1; }
after=$(date +%s.%N)
sleep 0.2
kill "$sampler"
wait "$sampler" 2> /dev/null || true
awk -v before="$before" -v after="$after" '{ printf "%.3f %.1f\n", after - before, $1 / 1024 }' "$work.peak" >&2
