#!/usr/bin/env bash
# Builds out/libnativemalloc.so and out/libnativemalloc.a. Does nothing where nothing has changed.
#
#     ./build.sh            build what is out of date
#     ./build.sh clean      remove everything that was built
set -euo pipefail
cd "$(dirname "$0")"

out=out
work=$out/obj/link
log=$out/obj/ilc.log
ilc_object=$out/obj/NativeMalloc/Release/net10.0/linux-x64/native/NativeMalloc.o
inputs=(NativeMalloc Shim build.sh packaging/version.sh packaging/layout.sh packaging/Command/structures.txt Directory.Build.props global.json)
compile=(-g -O2 -fPIC -fvisibility=hidden -ftls-model=initial-exec -ffreestanding -fno-stack-protector
    -fasynchronous-unwind-tables "-ffile-prefix-map=$PWD=." -Wall -Wextra -Werror -INativeMalloc/include)

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

# need TOOL PACKAGE: as root on Debian installs what is missing, elsewhere says how to.
need() {
    command -v "$1" > /dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
        echo "build.sh: installing $2, for $1" >&2
        { apt-get update && apt-get install -y --no-install-recommends "$2"; } > /dev/null ||
            fail "$1 is missing and could not be installed: apt-get install $2"
        return
    fi
    fail "$1 is missing: sudo apt-get install $2"
}

up_to_date() {
    local product
    for product in "$out/libnativemalloc.so" "$out/libnativemalloc.a"; do
        [ -f "$product" ] || return 1
        [ -z "$(find "${inputs[@]}" -newer "$product" -print -quit)" ] || return 1
    done
}

need_tools() {
    need gcc gcc
    need ld binutils
    command -v dotnet > /dev/null ||
        fail "dotnet is missing: install the .NET SDK 10, https://dotnet.microsoft.com/download (on Debian with Microsoft's feed: apt-get install dotnet-sdk-10.0)"
    [[ "$(dotnet --version 2> /dev/null)" == 10.* ]] ||
        fail "the .NET SDK 10 is needed, and 'dotnet --version' is '$(dotnet --version 2>&1 | head -n 1)': install dotnet-sdk-10.0"
}

compile_csharp() {
    mkdir -p "$(dirname "$log")"
    # ILC keeps its object when the assembly is unchanged, and then says nothing that the gates could read.
    rm -f "$ilc_object"
    dotnet publish NativeMalloc/NativeMalloc.csproj --nologo -v:normal > "$log" 2>&1 || {
        packaging/errors.sh "$log"
        fail "the C# did not compile; all of it is in $log"
    }
}

# What ILC does without a word, and must not have done (docs/building.md).
check_ilc() {
    grep -q 'Preinitialized \([0-9]*\) types out of \1\.' "$log" ||
        fail "a static constructor was not evaluated at compile time, and would never run: $(grep 'Could not preinitialize' "$log" | head -n 1)"
    ! grep -q 'IL1005' "$log" || fail "a method was compiled to a throw: $(grep IL1005 "$log" | head -n 1)"
    # An intrinsic's own body (CoreLib/Intrinsics.cs) calls itself, and is compiled only where the JIT did not expand it.
    local bodies
    bodies=$(nm "$ilc_object" | awk '$2 == "T" && $3 ~ /^NativeMalloc_System_(Numerics|Runtime|Threading)_/ { print $3 }')
    [ -z "$bodies" ] || fail "intrinsics were not expanded, and would call themselves for ever: $bodies"
}

compile_shim() {
    mkdir -p "$work"
    rm -f "$work"/*.o
    local source
    for source in Shim/*.S Shim/*.c; do
        gcc "${compile[@]}" "-DLAYOUT=$layout" "-DVERSION=\"$version\"" -c "$source" -o "$work/$(basename "${source%.*}").o"
    done
}

# Puts the C# where free begins a cache line; malloc begins the next. Which place it gets otherwise depends on the length of
# all that comes before, and made a malloc+free pair up to a tenth slower (docs/building.md). Its unwind table is replaced by one
# that describes epilogues too. Of the room that ILC reserves in each thread for thread statics, which there are none of, only what
# describes it to debuggers stays; a thread static would not link.
place_csharp() {
    local offset
    offset=$(nm "$ilc_object" | awk '$3 == "free" { print $1 }')
    {
        echo '.section __managedcode, "ax", @progbits'
        echo '.balign 64'
        echo ".fill $(((64 - 0x$offset % 64) % 64)), 1, 0xcc"
        echo 'nm_csharp:'
        awk -f Shim/frames.awk <(readelf --debug-dump=frames "$ilc_object") <(objdump -d --no-show-raw-insn "$ilc_object")
        echo '.section .note.GNU-stack, "", @progbits'
    } > "$work/before.s"
    gcc -c "$work/before.s" -o "$work/before.object"
    objcopy --remove-section .eh_frame --remove-section .dotnet_eh_table --set-section-alignment __managedcode=16 \
        --rename-section .rodata=.text.constants,alloc,load,readonly,code,contents \
        --strip-symbol tls_InlinedThreadStatics --rename-section .tdata=.debug_threads,readonly,debug "$ilc_object" "$work/csharp.object"
    objects=("$work/before.object" "$work/csharp.object" "$work"/*.o)
}

link_shared() {
    mkdir -p "$work/shared"
    gcc "${compile[@]}" -c Shim/shared/dlopen.c -o "$work/shared/dlopen.o"
    {
        echo '{ global:'
        sed 's/$/;/' Shim/exports.txt
        echo 'local: *; };'
    } > "$work/exports.map"
    gcc -shared -nostdlib -o "$work/libnativemalloc.so" "${objects[@]}" "$work/shared/dlopen.o" \
        -Wl,--version-script="$work/exports.map" -Wl,--no-undefined -Wl,-soname,"$soname" \
        -Wl,-z,nodelete,-z,initfirst,-z,relro,-z,now,-z,noseparate-code -Wl,--hash-style=gnu -Wl,--build-id
}

# One object with only the public names global, and one with the names of C++'s operators, which lead to the first.
link_static() {
    mkdir -p "$work/static"
    gcc "${compile[@]}" -c Shim/static/cxx.S -o "$work/static/cxx.o"
    gcc "${compile[@]}" -c Shim/static/libc.c -o "$work/static/libc.o"
    sed -n 's/^_Z.*/& nm&/p' Shim/exports.txt > "$work/static/operators"
    { sed 's/^_Z/nm_Z/' Shim/exports.txt; echo _.stapsdt.base; } > "$work/static/globals" # the last is the program's, if it has one
    objcopy --redefine-syms="$work/static/operators" "$work/csharp.object" "$work/static/csharp.object"
    ld -r -o "$work/static/all.object" "${objects[@]/#$work\/csharp.object/$work\/static\/csharp.object}" "$work/static/libc.o"
    objcopy --keep-global-symbols="$work/static/globals" "$work/static/all.object" "$work/static/nativemalloc.o"
    rm -f "$work/libnativemalloc.a"
    ar rcs "$work/libnativemalloc.a" "$work/static/nativemalloc.o" "$work/static/cxx.o"
}

# same WHAT LIST COMMAND...: the names that the command prints are those of the list.
same() {
    local what=$1 list=$2 difference
    shift 2
    difference=$(diff <(sort "$list") <("$@" | sort -u)) ||
        fail "the $what symbols are not those of $list (< listed, > found):"$'\n'"$difference"
}

exported() { nm -D --defined-only "$work/libnativemalloc.so" | awk '{ print $3 }'; }
imported() { nm -D --undefined-only "$work/libnativemalloc.so" | awk '{ print $2 }'; }

check_library() {
    same exported Shim/exports.txt exported
    same imported Shim/imports.txt imported
    ! readelf -dW "$work/libnativemalloc.so" | grep -q NEEDED || fail "the library needs another one: $(readelf -dW "$work/libnativemalloc.so" | grep NEEDED)"
    strip -o "$work/stripped.so" "$work/libnativemalloc.so"
    local size
    size=$(stat -c %s "$work/stripped.so")
    ((size < 300 * 1024)) || fail "stripped, the library has $size bytes; 300 KiB is the limit"
}

# A running program keeps the file that it has mapped.
publish() {
    local file
    for file in libnativemalloc.a libnativemalloc.so; do
        cp "$work/$file" "$out/.$file.new"
        mv -f "$out/.$file.new" "$out/$file"
    done
    ln -sf libnativemalloc.so "$out/$soname" # what a program that is linked with it here asks for
}

if [ "${1:-}" = clean ]; then
    rm -rf "$out"
    exit
fi
[ $# = 0 ] || fail "unknown argument '$1'; there is 'clean'"
up_to_date && exit
need_tools
version=$(packaging/version.sh)
layout=$(packaging/layout.sh)
compile_csharp
check_ilc
compile_shim
place_csharp
soname=libnativemalloc.so.${version%%.*}
link_shared
link_static
check_library
publish
echo "built $out/libnativemalloc.so ($(stat -c %s "$work/stripped.so") bytes stripped) and $out/libnativemalloc.a"
