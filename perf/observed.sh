#!/usr/bin/env bash
# What looking at a server costs it: servers on the library under load, with somebody who looks and without, in periods of a second or so, in
# random order. Prints a table in Markdown: for each way of looking requests a second when the clients are as fast as they can, and the 99th percentile
# of latency at a quarter of that rate, counted from when each request was due ("usual": the median of those of tenths of a second, which the machine's own
# standstills do not reach); all in percent, as the median of the changes from a period beside it, with its 95 % interval (bootstrap); how many
# requests failed; and what the looking took of a CPU itself.
#
# The server is on CPU 0, its clients (before all others) and who looks on CPU 1: so what is seen is what the server feels. "beside it" is who looks on CPU 0,
# where the server must share it: what a machine feels that has no other CPU. As root; on a quiet machine of two CPUs at least.
#
#     [ROUNDS=5] perf/observed.sh [SERVER...]       default redis postgres nginx node java dotnet python3: 9 minutes
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
. tests/packages.sh
install_packages redis-server postgresql nginx nodejs default-jdk-headless python3 procps util-linux
[ $# -gt 0 ] || set -- redis postgres nginx node java dotnet python3
rounds=${ROUNDS:-5} share=0.25 least=1.1 warm=4
make > /dev/null
compile paced
inspect=$PWD/out/nativemalloc-inspect
results=$PWD/$work/observed
rm -rf "$results"
mkdir -p "$results"
RANDOM=4711

# look KIND PROCESS: for a period, or for as long as it takes. What it shows is not empty.
look() {
    case $1 in
    top) { sleep "$least"; printf q; } | script -qefc "stty rows 24 columns 80; exec $inspect top $2 --interval 0.1" /dev/null ;;
    profile) "$inspect" profile "$2" --seconds 1 ;;
    metrics) scrape ;;
    heapmap) "$inspect" heapmap "$2" --svg; sleep 1 ;;
    doctor) "$inspect" doctor "$2" --seconds 1 ;;
    esac > "$results/shown"
    [ -s "$results/shown" ]
}

# A server of metrics, asked once.
scrape() {
    local server
    "$inspect" metrics --listen 18099 &
    server=$!
    sleep 0.3
    exec 4<> /dev/tcp/127.0.0.1/18099
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&4
    cat <&4
    exec 4>&-
    sleep 0.7
    kill $server
    wait $server || true
}

# look_from CPU KIND PROCESS: what it took of a CPU goes to a file.
look_from() {
    (
        taskset -pc "$1" "$BASHPID" > /dev/null
        TIMEFORMAT="$name $2.$1 %U %S %R"
        { time look "$2" "$3" 2>> "$results/errors"; } 2>> "$results/cpu"
    ) || { cat "$results/errors" >&2; echo "perf/observed.sh: $2 of $name failed" >&2; exit 1; }
}

# mark LABEL RATE: begins a period; reply is what the one before was, if there was one.
mark() {
    echo "$1 $2" >&"${LOAD[1]}"
    [ -z "$marked" ] || read -r reply <&"${LOAD[0]}"
    marked=$1
}

# period RATE [KIND.CPU]: outcome is requests a second, the 99th percentile of latency, what it usually is in a tenth of a second, and failures.
period() {
    mark period "$1"
    if [ -n "${2:-}" ]; then look_from "${2#*.}" "${2%.*}" "$observed"; else sleep "$least"; fi
    mark between "$1"
    outcome=$(awk '{ print $4 / $3, $6, $7, $8 }' <<< "$reply")
}

# compare MODE RATE KIND.CPU...: each beside a period in which nobody looks: two of them after one, before the next.
compare() {
    local mode=$1 rate=$2 without way
    local -a with=()
    shift 2
    period "$rate"
    without=$outcome
    for way in $(shuf -e "$@") end; do
        if [ $way != end ]; then
            period "$rate" "$way"
            with+=("$way $outcome")
        fi
        if [ ${#with[@]} = 1 ] && [ $way != end ]; then
            echo "$name $mode ${with[0]} $without" >> "$results/pairs"
        elif [ ${#with[@]} = 2 ]; then
            period "$rate"
            without=$outcome
            echo "$name $mode ${with[1]} $without" >> "$results/pairs"
            with=()
        fi
    done
}

# The processes of the server form a session.
finish() {
    [ -z "${LOAD_PID:-}" ] || kill "$LOAD_PID" 2> /dev/null || true
    [ -z "${session:-}" ] || pkill -TERM -s "$session" 2> /dev/null || true
    wait 2> /dev/null || true
    session=
}
trap finish EXIT

try() {
    local work=$PWD/$work/servers/$name reply rate marked= outcome observed
    target() { echo "$1"; }
    . "perf/servers/$name.sh"
    if [ ! -d "$work" ]; then
        mkdir -p "$work"
        prepare > "$work.log" 2>&1 || { rm -rf "$work"; echo "perf/observed.sh: $name cannot be prepared: $work.log" >&2; exit 1; }
    fi

    (taskset -pc 0 "$BASHPID" > /dev/null; LD_PRELOAD=$library start) > "$work.log" 2>&1 &
    session=$!
    for attempt in $(seq 200); do
        ready > /dev/null 2>&1 && break
        kill -0 "$session" 2> /dev/null && [ "$attempt" != 200 ] || { echo "perf/observed.sh: $name does not start: $work.log" >&2; exit 1; }
        sleep 0.05
    done
    coproc LOAD { exec chrt -f 1 taskset -c 1 "$PWD/out/perf/paced" "${clients[@]}"; }
    mark warm 0
    sleep $warm
    mark measure 0
    observed=$(target "$session")
    sleep 1
    mark between 0
    rate=$(awk -v share=$share '{ printf "%.0f", $4 / $3 * share }' <<< "$reply")
    echo "$name: $rate requests a second are a quarter of what it can" >&2
    for ((round = 0; round < rounds; round++)); do
        compare fast 0 top.1 profile.1 top.0
        mark between "$rate"
        sleep 0.2
        compare paced "$rate" {top,profile,metrics,heapmap,doctor}.1
    done
    kill -0 "$observed" || { echo "perf/observed.sh: $name has ended" >&2; exit 1; }
    finish
}

for name; do
    try
done

# Medians of ratios; of 2,000 sets drawn from them with replacement the middle 95 % of the medians.
awk -v servers="$* all" '
    function median(values, count,    i, j, kept) {
        for (i = 2; i <= count; i++) {
            kept = values[i]
            for (j = i - 1; j > 0 && values[j] > kept; j--) values[j + 1] = values[j]
            values[j + 1] = kept
        }
        return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
    }
    function change(server, what, way,    key, count, i, draw, one, all, middle) {
        key = server "/" what "/" way
        count = counts[key]
        if (!count) return "-"
        for (draw = 1; draw <= 2000; draw++) {
            for (i = 1; i <= count; i++) one[i] = ratios[key, 1 + int(rand() * count)]
            all[draw] = median(one, count)
        }
        for (i = 1; i <= count; i++) one[i] = ratios[key, i]
        middle = median(one, count)
        sort(all, 2000)
        return sprintf("%+.1f (%+.1f to %+.1f)", (middle - 1) * 100, (all[50] - 1) * 100, (all[1950] - 1) * 100)
    }
    function sort(values, count,    gap, i, j, kept) {
        for (gap = int(count / 2); gap > 0; gap = int(gap / 2))
            for (i = gap + 1; i <= count; i++) {
                kept = values[i]
                for (j = i - gap; j > 0 && values[j] > kept; j -= gap) values[j + gap] = values[j]
                values[j + gap] = kept
            }
    }
    function keep(server, what, way, ratio) {
        keep_one(server "/" what "/" way, ratio)
        keep_one("all/" what "/" way, ratio)
    }
    function keep_one(key, ratio) { ratios[key, ++counts[key]] = ratio }
    BEGIN { srand(1) }
    FILENAME ~ /cpu$/ { took[$2] += $3 + $4; passed[$2] += $5; next }
    {
        # Each has four numbers, with somebody who looks and without.
        if ($2 == "fast") keep($1, "requests a second", $3, $4 / $8)
        else {
            keep($1, "p99", $3, $5 / $9)
            keep($1, "usual p99", $3, $6 / $10)
        }
        failed[$1] += $7 + $11
        failed["all"] += $7 + $11
    }
    function row(title, what, way,    s) {
        printf "| %s | %s |", what, title
        for (s = 1; s <= count; s++) printf " %s |", change(server[s], what, way)
        printf " %.1f %% |\n", took[way] / passed[way] * 100
    }
    END {
        count = split(servers, server, " ")
        printf "| | |"
        for (s = 1; s <= count; s++) printf " %s |", server[s]
        printf " of a CPU |\n|---|"
        for (s = 0; s <= count + 1; s++) printf "---|"
        printf "\n"
        row("top", "requests a second", "top.1")
        row("top beside it", "requests a second", "top.0")
        row("profile", "requests a second", "profile.1")
        ways = split("top profile metrics heapmap doctor", way, " ")
        for (i = 1; i <= ways; i++) row(way[i], "usual p99", way[i] ".1")
        for (i = 1; i <= ways; i++) row(way[i], "p99", way[i] ".1")
        printf "| failed | |"
        for (s = 1; s <= count; s++) printf " %d |", failed[server[s]]
        printf " |\n"
    }' "$results/cpu" "$results/pairs"
