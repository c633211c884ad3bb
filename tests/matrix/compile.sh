#!/bin/sh
# Compiles the matrix's programs in the folder that it stands in, with the compiler and C library of the root that it runs in:
#
#     compile.sh gcc [FLAG...]
set -e
cd "$(dirname "$0")"
compile() {
    program=$1 source=$2
    shift 2
    $compiler -O2 -fno-builtin -pthread "programs/$source.c" -o "$program" "$@"
}
compiler=$*

# musl's interface is not glibc's: what needs that is left out by programs.txt.
for name in interface conformance threads forks underway midfork nested vforks lives large alignment zeros guarded soak loading filtered misuse own_malloc spawns \
    latecomer names wordcount fastpath; do
    compile $name $name -ldl 2> $name.log || { [ $name = interface ] || [ $name = conformance ]; }
done
compile readonly readonly -rdynamic
compile busy busy -rdynamic
compile loaded.so loaded -shared -fPIC
compile handlers.so handlers -shared -fPIC
compile nested.so nested -shared -fPIC -DLIBRARY -Wl,-z,initfirst
compile walked walked -fomit-frame-pointer -ldl
compile visitor40.so visitor -shared -fPIC -DFRAME=40
compile visitor600.so visitor -shared -fPIC -DFRAME=600
compile deepbound deepbound -rdynamic -ldl
compile deepbound.so deepbound -shared -fPIC -DLIBRARY
compile adopter2.so adopter -shared -fPIC -DLIBRARY -DPROTOCOL=2
compile adopting adopting -ldl
for protocol in 1 2 3 4; do
    compile adopter$protocol adopter -rdynamic -DPROTOCOL=$protocol
    compile adopter$protocol-64 adopter -rdynamic -DPROTOCOL=$protocol -DBYTES=64
done
