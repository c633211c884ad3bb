#!/bin/bash
# In an emulated machine: soaks with 32 threads, in each index, while CPUs go offline and come back.
#
#     hotplug.sh SECONDS
seconds=$1
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
    NATIVEMALLOC_INDEX=$index LD_PRELOAD=$PWD/libnativemalloc.so ./soak "$seconds" 32 > soak.out 2>&1 || { failed=1; cat soak.out; }
    echo "hotplug: $index: soaked $seconds s with 32 threads; CPUs went off or on $(wc -l < changes) times"
done
touch stop
wait
[ $failed = 0 ] && [ "$(wc -l < changes)" -gt 20 ] && echo 'hotplug: passed'
