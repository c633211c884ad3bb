#!/bin/bash
# The first process of an emulated machine: runs what the kernel's command line names, and says how it ended.
#
#     SITUATIONS=as-it-comes,thread LOOPS=5     or     HOTPLUG=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2> /dev/null
ln -sf /proc/self/fd /dev/fd
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C PROGRESS=1 LIMIT=1800
cd "$(dirname "$0")" || exit 1

echo "booted $(uname -r) on $(nproc) CPUs"
if [ "${HOTPLUG:-}" ]; then
    ./hotplug.sh
else
    for situation in ${SITUATIONS//,/ }; do
        ./situation.sh "$situation" "${LOOPS:-100}"
    done
fi
echo finished
sleep 1 # or the last line may still be on its way, and is lost
echo b > /proc/sysrq-trigger
