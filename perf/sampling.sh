#!/usr/bin/env bash
# What a sample in 512 KiB costs whole programs: processors' time and peak memory with samples to those without, for NativeMalloc, and for
# jemalloc and gperftools' tcmalloc with the profilers of their own at the same distance. All take turns; medians of the rounds' ratios.
#
#     perf/sampling.sh [ROUNDS]           a table; ten rounds take five minutes on a machine that does nothing else
set -euo pipefail
cd "$(dirname "$0")/.."
. perf/common.sh
. tests/packages.sh
install_packages libjemalloc2 libtcmalloc-minimal4 libgoogle-perftools4 "${program_packages[@]}"
rounds=${1:-10}
./build.sh > /dev/null
compile measure
compile_programs
make_inputs
prefer_debian

# once ALLOCATOR ON|OFF LIBRARY [SETTING]: the program's name, and what it took, with tabs between.
once() {
    local took
    took=$(env ${4:+"$4"} "$work/measure" "$3" sh -c "exec $command" 2>&1 > "$work/sampling.out" | tail -n 1 | tr ' ' '\t')
    printf '%s\t%s\t%s\t%s\n' "$name" "$1" "$2" "$took"
}

grep '^[^#]' perf/programs.txt | while IFS= read -r line; do
    line=${line#\*}
    name=${line%%: *} command=${line#*: }
    for ((round = 0; round < rounds; round++)); do
        once NativeMalloc off "$library"
        once NativeMalloc on "$library" NATIVEMALLOC_SAMPLE=512K
        once jemalloc off "${preload[jemalloc]}"
        once jemalloc on "${preload[jemalloc]}" MALLOC_CONF=prof:true,lg_prof_sample:19
        once tcmalloc off "$(peer libtcmalloc)"
        once tcmalloc on "$(peer libtcmalloc)" TCMALLOC_SAMPLE_PARAMETER=524288
    done
done > "$work/sampling.txt"

awk -F '\t' '
    { time[$1, $2, $3, ++count[$1, $2, $3]] = $6; peak[$1, $2, $3, count[$1, $2, $3]] = $5 }
    !($1 in seen) { seen[$1] = 1; names[++programs] = $1 }
    function median(values, program, allocator,    i, j, swap, ratios, n) {
        n = count[program, allocator, "on"]
        for (i = 1; i <= n; i++) ratios[i] = values[program, allocator, "on", i] / values[program, allocator, "off", i]
        for (i = 2; i <= n; i++) for (j = i; j > 1 && ratios[j] < ratios[j - 1]; j--) { swap = ratios[j]; ratios[j] = ratios[j - 1]; ratios[j - 1] = swap }
        return (ratios[int((n + 1) / 2)] + ratios[int(n / 2) + 1]) / 2
    }
    END {
        allocators = split("NativeMalloc jemalloc tcmalloc", allocator, " ")
        print "| program | NativeMalloc: time | peak | jemalloc: time | peak | tcmalloc: time | peak |\n|---|---|---|---|---|---|---|"
        for (i = 1; i <= programs; i++) {
            row = "| " names[i]
            for (a = 1; a <= allocators; a++) {
                t = median(time, names[i], allocator[a]); p = median(peak, names[i], allocator[a])
                times[a] += log(t); peaks[a] += log(p)
                row = row sprintf(" | %.3f | %.3f", t, p)
            }
            print row " |"
        }
        row = "| **geometric mean**"
        for (a = 1; a <= allocators; a++) row = row sprintf(" | **%.3f** | **%.3f**", exp(times[a] / programs), exp(peaks[a] / programs))
        print row " |"
    }' "$work/sampling.txt"
