#!/bin/bash
# In an emulated machine with many CPUs: programs in each index, while CPUs go offline and come back. Last line: "hotplug: passed".
cpus=/sys/devices/system/cpu
: > changes
(
    while [ ! -e stop ]; do
        cpu=cpu$((RANDOM % 31 + 1))
        read -r online < $cpus/$cpu/online
        echo $((1 - online)) > $cpus/$cpu/online && echo $cpu >> changes
    done
) &
failed=0
for index in mm_cid cpu_id thread; do
    before=$(wc -l < changes)
    for program in 'soak 1 2' 'wordcount 32 64000' 'threads 32 20000' 'lives 400'; do
        # shellcheck disable=SC2086
        NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/libnativemalloc.so ./$program > hotplug.out 2>&1 ||
            { failed=1; echo "    failed: $program: exit code $?: $(tail -n 1 hotplug.out)"; }
    done
    changes=$(($(wc -l < changes) - before))
    echo "hotplug: $index: 4 programs; CPUs went off or on $changes times"
    [ $changes -ge 20 ] || failed=1
done
touch stop
wait
[ $failed = 0 ] && echo 'hotplug: passed'
