#!/usr/bin/env bash
# The matrix, its part with other kernels: programs.txt on the newest kernel that each Debian suite offers, in an emulated
# machine whose only file system is an initramfs with the newest libc's root; and one machine with 32 CPUs that takes them
# off and on. Prints one table; fails if any cell does.
#
#     [SITUATIONS=as-it-comes,own,...] [LIBC_OF=SUITE] tests/matrix/kernels.sh [SUITE|hotplug...]
#                                                             of bullseye bookworm trixie sid hotplug
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/matrix/root.sh
need debootstrap debootstrap
need qemu-system-x86_64 qemu-system-x86
need cpio cpio
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(bullseye bookworm trixie sid hotplug)
libc_of=${LIBC_OF:-sid}
loops=5
./build.sh || exit 1

# make_kernel SUITE: unpacks its newest kernel to $folder/kernels/SUITE/vmlinuz. Newer suites have split the package.
make_kernel() {
    local place=$folder/kernels/$1 image
    [ -e "$place/vmlinuz" ] && return
    make_root "$1" || return
    mkdir -p "$place"
    chroot "$folder/$1" bash -c '
        set -e
        cd /tmp
        apt-get -o Acquire::Check-Valid-Until=false update > /dev/null # a mirror may stand still
        image=$(apt-cache depends linux-image-amd64 | sed -n "s/.*Depends: \(linux-image-[0-9].*\)/\1/p" | head -n 1)
        apt-cache show "${image/image/binary}" > /dev/null 2>&1 && image=${image/image/binary}
        apt-get -o APT::Sandbox::User=root download "$image" > /dev/null
        mkdir kernel
        dpkg-deb -x linux-*.deb kernel
        rm linux-*.deb' > "$place/log" 2>&1 &&
        image=$(find "$folder/$1/tmp/kernel" -name 'vmlinuz*' -type f) && [ "$image" ] && mv "$image" "$place/vmlinuz" ||
        { tail -n 3 "$place/log" >&2; echo "$0: the kernel of $1 could not be had: $place/log" >&2; return 1; }
    rm -rf "$folder/$1/tmp/kernel"
}

# make_initramfs: the newest libc's root, without compilers and what nobody reads.
make_initramfs() {
    make_root $libc_of && fill "$folder/$libc_of/nativemalloc" chroot "$folder/$libc_of" /nativemalloc/compile.sh gcc || return
    cp tests/matrix/{init,hotplug}.sh "$folder/$libc_of/nativemalloc/"
    (cd "$folder/$libc_of" && find . -xdev \( -path ./usr/lib/gcc -o -path ./usr/libexec/gcc -o -path ./usr/include -o -path ./boot \
        -o -path ./var/cache -o -path ./var/lib/apt -o -path ./usr/share/doc -o -path ./usr/share/locale -o -path ./usr/share/man \
        -o -path ./proc -o -path ./sys -o -path ./usr/bin/x86_64-linux-gnu-\* -o -name lib\*san.so\* -o -name \*.a \) -prune -o -print0 |
        cpio --null -o -H newc --quiet; mkdir -p proc sys; printf 'proc\0sys\0' | cpio --null -o -H newc --quiet) > "$folder/initramfs"
}

# boot KERNEL CPUS GIGABYTES THREADS ARGUMENT...: the machine's console, until it ends. THREADS is single where the kernel changes its own
# code while it runs on many CPUs, as it does when they go off and on: with more, the emulator shows a CPU half a change.
boot() {
    local kernel=$1 cpus=$2 memory=$3 threads=$4
    shift 4
    timeout $((3600 * 2)) qemu-system-x86_64 -accel tcg,thread=$threads -cpu max -smp "$cpus" -m "${memory}G" -nographic -no-reboot \
        -nodefaults -serial stdio -kernel "$kernel" -initrd "$folder/initramfs" \
        -append "console=ttyS0 quiet loglevel=1 tsc=reliable panic=-1 rdinit=/nativemalloc/init.sh $*" < /dev/null | sed -u 's|\r$||'
}

make_initramfs || exit 1
failed=0
row kernel libc situation 'front end, rseq, index' passed ns/pair
for suite in "${suites[@]}"; do
    log=$folder/kernels/$suite.log
    if [ "$suite" = hotplug ]; then
        make_kernel sid || { failed=1; continue; }
        boot "$folder/kernels/sid/vmlinuz" 32 12 single HOTPLUG=1 > "$log"
        grep '^hotplug' "$log"
        grep -q '^hotplug: passed' "$log" || { failed=1; echo "    failed: see $log"; }
        continue
    fi
    make_kernel "$suite" || { failed=1; continue; }
    version=
    boot "$folder/kernels/$suite/vmlinuz" 2 4 multi "SITUATIONS=$situations LOOPS=$loops" | tee "$log" | while IFS= read -r line; do
        case $line in
        *'booted '*) version=${line#*booted }; version=${version%%[+-]*} ;;
        *' | '* | '    failed'*) rows "${version:-?}" "$libc_of" <<< "$line" ;;
        esac
    done
    # Each situation has its line, and none failed.
    asked=${situations//[^,]/}
    [ "$(grep -c ' | .* | ' "$log")" = $((${#asked} + 1)) ] && grep -q '^finished' "$log" && ! grep -q '    failed' "$log" ||
        { failed=1; echo "    failed: $suite: see $log"; }
done
exit $failed
