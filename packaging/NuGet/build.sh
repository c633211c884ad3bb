#!/usr/bin/env bash
# Makes the NuGet package NativeMalloc.VERSION.nupkg of what ../../build.sh made, and that of its symbols; make nuget calls this.
#
#     [NUGET_REPOSITORY_URL=https://...] build.sh [FOLDER]      out/nuget, unless another one is named
#
# The same sources give the same package: all that is in it has the date of the last commit.
set -euo pipefail
folder=$(realpath -m "${1:-$(dirname "$0")/../../out/nuget}")
cd "$(dirname "$0")/../.."

. packaging/NuGet/common.sh
script=packaging/NuGet/build.sh
stage=$PWD/out/obj/nuget
log=out/obj/nuget.log
need out/libnativemalloc.so out/libnativemalloc.a

rm -rf "$stage"
mkdir -p "$stage"
objcopy --only-keep-debug --compress-debug-sections out/libnativemalloc.so "$stage/libnativemalloc.so.debug"
strip --strip-unneeded --remove-section=.comment --remove-section=.note -o "$stage/libnativemalloc.so" out/libnativemalloc.so
(cd "$stage" && objcopy --add-gnu-debuglink=libnativemalloc.so.debug libnativemalloc.so)
strip --strip-debug --remove-section=.comment --enable-deterministic-archives -o "$stage/libnativemalloc.a" out/libnativemalloc.a
# What an executable exports of the archive: C++'s operators of libstdc++ come to the same malloc.
grep -Ev '^_Z|^dlopen$' Shim/exports.txt | sed 's/$/;/' > "$stage/exports.txt"

run "the build's task could not be made" dotnet build packaging/NuGet/Tasks/NativeMalloc.Tasks.csproj --nologo -c Release
cp out/bin/NativeMalloc.Tasks/Release/netstandard2.0/NativeMalloc.Tasks.dll "$stage/"
pack Managed/NativeMalloc.Managed.csproj -p:Stage="$stage"
echo "made $folder/NativeMalloc.$version.nupkg"
