#!/usr/bin/env bash
# Runs a program with the library while a tracer is at the library's probes: the kernel's own, by tracefs. FILE gets what that has seen, in lines
# "alloc BLOCK SIZE WEIGHT" and "free BLOCK". As root. Without arguments it says whether that can be had here.
#
#     tests/uprobes.sh [FILE LIBRARY PROGRAM [ARGUMENT...]]
set -euo pipefail
# A mount of its own: nobody else need have one.
[ "${1:-}" = --mounted ] || exec unshare --mount "$0" --mounted "$@"
shift
events=/sys/kernel/tracing
mount -t tracefs tracefs $events
[ -w $events/uprobe_events ] || { echo "the kernel has no uprobes" >&2; exit 1; }
[ $# -gt 0 ] || exit 0
file=$1 library=$2
shift 2

# offset ADDRESS: where it lies in the file.
offset() {
    local type offset start bytes
    while read -r type offset start _ bytes _; do
        [ "$type" = LOAD ] && (($1 >= start && $1 < start + bytes)) && printf '0x%x' $(($1 - start + offset))
    done < <(readelf -lW "$library")
}

# note NAME: its probe's place and its semaphore's.
note() {
    readelf -nW "$library" | awk -v RS='Provider: ' -v name="$1" '$1 == "otel_memory" && $3 == name { gsub(",", ""); print $5, $9 }'
}

group=nativemalloc_$$
trace=$events/instances/$group
mkdir "$trace"
clean_up() {
    echo 0 > "$trace/events/$group/enable" || true
    printf -- '-:%s/alloc\n-:%s/free\n' $group $group >> $events/uprobe_events || true
    rmdir "$trace"
}
trap clean_up EXIT
read -r alloc alloc_semaphore <<< "$(note alloc)"
read -r free free_semaphore <<< "$(note free)"
library=$(readlink -f "$library")
echo "p:$group/alloc $library:$(offset "$alloc")($(offset "$alloc_semaphore")) %di:x64 %si:u64 %dx:u64" >> $events/uprobe_events
echo "p:$group/free $library:$(offset "$free")($(offset "$free_semaphore")) %di:x64" >> $events/uprobe_events
echo 1 > "$trace/events/$group/enable"
LD_PRELOAD=$library "$@"
echo 0 > "$trace/events/$group/enable"
# "entries-in-buffer/entries-written: 5/5": none may be lost.
sed -n 's|.*written: \([0-9]*\)/\([0-9]*\) .*|\1 \2|p' "$trace/trace" | { read -r kept written && [ "$kept" = "$written" ] || { echo "the buffer was too small" >&2; exit 1; }; }
sed -n 's/.* \(alloc\|free\): ([^)]*) \(.*\)/\1 \2/p' "$trace/trace" | sed 's/arg[0-9]=//g' > "$file"
