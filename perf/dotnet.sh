#!/usr/bin/env bash
# A web service of .NET (tests/samples/Service: a TLS handshake for each request, pictures by Skia, compression by Brotli) under bursts of
# load, on glibc's malloc, on it with MALLOC_ARENA_MAX=2, and on NativeMalloc, in turn. Prints requests a second, their 99th percentile and
# the resident memory, and draws that over time. Takes a minute and a half for each round and, at the defaults, five in all.
#
#     perf/dotnet.sh [ROUNDS [BURSTS]]       by default 3 rounds of 6 bursts, and the picture is perf/charts/dotnet.svg; else it is out/perf/dotnet.svg
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
. tests/packages.sh
install_packages wrk curl
./build.sh
rounds=${1:-3} bursts=${2:-6} burst_seconds=4 quiet_seconds=1 connections=64
picture=out/perf/dotnet.svg
[ $# -gt 0 ] || picture=perf/charts/dotnet.svg
results=$PWD/$work/dotnet
rm -rf "$results"
mkdir -p "$results"
dotnet publish tests/samples/Service -c Release --nologo -v:quiet -o "$work/service"

declare -A environment=([glibc]=--unset=MALLOC_ARENA_MAX ["glibc, 2 arenas"]=MALLOC_ARENA_MAX=2 [NativeMalloc]=LD_PRELOAD=$library)
names=(glibc "glibc, 2 arenas" NativeMalloc)

# One request in four is for a picture, the others are for text; each has a connection of its own. The numbers are the same in each run.
cat > "$results/load.lua" << 'END'
local number = 0
function init(arguments) math.randomseed(tonumber(arguments[1])) end
function request()
    number = number + 1
    local path = (number % 4 == 0 and "/thumbnail/" or "/article/") .. math.random(0, 100000)
    return wrk.format("GET", path, {["Connection"] = "close", ["Accept-Encoding"] = "br"})
end
function done(summary, latency)
    local errors = summary.errors
    print("burst", summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, errors.connect + errors.read + errors.write + errors.status, summary.requests)
end
END

# watch PROCESS FILE: the seconds since now and the MiB that are resident, until it ends.
watch() {
    local began=$EPOCHREALTIME pages
    while read -r _ pages _ < "/proc/$1/statm" && [ "$pages" != 0 ]; do
        awk -v began="$began" -v now="$EPOCHREALTIME" -v pages="$pages" 'BEGIN { printf "%.2f %.1f\n", now - began, pages / 256 }' >> "$2"
        sleep 0.25
    done 2> /dev/null
}

# cost PROCESS: its milliseconds of processor's time until now, and its page faults.
cost() { awk -v hertz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hertz * 1000, $10 }' "/proc/$1/stat"; }

# try NAME ROUND
try() {
    local service burst file="$results/$1.$2" port=$((20000 + RANDOM % 10000))
    : > "$file.service"
    env "${environment[$1]}" "$work/service/Service" $port > "$file.service" 2>&1 &
    service=$!
    trap 'kill $service 2> /dev/null' EXIT
    until grep -q ready "$file.service"; do
        kill -0 $service || { cat "$file.service" >&2; exit 1; }
        sleep 0.1
    done
    watch $service "$file.resident" &
    for ((burst = 1; burst <= bursts; burst++)); do
        wrk -t1 -c$connections -d${burst_seconds}s -s "$results/load.lua" https://localhost:$port -- $burst | awk '$1 == "burst" { print $2, $3, $4, $5 }' >> "$file.bursts"
        cost $service >> "$file.cost"
        sleep $quiet_seconds
    done
    sleep 2
    tail -n 1 "$file.resident" > "$file.end"
    curl -sk https://localhost:$port/memory > "$file.memory"
    kill $service
    wait
    trap - EXIT
}

for ((round = 1; round <= rounds; round++)); do
    for name in "${names[@]}"; do
        try "$name" $round
    done
done

# column NUMBER FILE...: the median of that column.
column() { cut -d' ' -f"$1" "${@:2}" | median; }

# each NAME NUMBER: what a request took of that column of cost's.
each() {
    for ((round = 1; round <= rounds; round++)); do
        paste -d' ' "$results/$1.$round.cost" "$results/$1.$round.bursts"
    done | awk -v column="$2" -v bursts="$bursts" 'NR % bursts == 1 { last = $column; next } { sum += $column - last; last = $column; requests += $6 } END { print sum / requests }'
}

# Of the bursts but the first, which is the compiler's: the medians, and what a request took of the processor's time and of page faults. MiB resident in
# the second burst and in the last, on average, and when it has been quiet for three seconds.
during() {
    awk -v from=$((($1 - 1) * (burst_seconds + quiet_seconds))) -v length_=$burst_seconds '$1 >= from && $1 < from + length_ { sum += $2; count++ } END { print sum / count }' "${@:2}"
}

printf '%-16s %11s %8s %8s %8s %13s %9s %9s %7s\n' '' requests/s '99th, ms' 'CPU, ms' faults 'second burst' last quiet errors
for name in "${names[@]}"; do
    printf '%-16s %11.0f %8.0f %8.2f %8.0f %13.0f %9.0f %9.0f %7.0f\n' "$name" \
        "$(tail -qn +2 "$results/$name".*.bursts | column 1)" "$(tail -qn +2 "$results/$name".*.bursts | column 2)" "$(each "$name" 1)" "$(each "$name" 2)" \
        "$(during 2 "$results/$name".*.resident)" "$(during $bursts "$results/$name".*.resident)" "$(column 2 "$results/$name".*.end)" \
        "$(awk '{ sum += $3 } END { print sum }' "$results/$name".*.bursts)"
done
dotnet run -c Release --project perf/Benchmarks -- --timelines "$results" --picture "$picture"
