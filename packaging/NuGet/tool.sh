#!/usr/bin/env bash
# Makes the packages of the dotnet tool, NativeMalloc.Tool*.VERSION.nupkg, of what ../../build.sh and ../Command/build.sh made; make nuget
# calls this.
#
#     [NUGET_REPOSITORY_URL=https://...] tool.sh [FOLDER]        out/nuget, unless another one is named
#
# What starts is the command's script, with the library and what looks into processes beside it. NativeAOT makes executables for musl only on musl: there
# that part is run by the runtime which the tool was installed with.
set -euo pipefail
folder=$(realpath -m "${1:-$(dirname "$0")/../../out/nuget}")
cd "$(dirname "$0")/../.."

. packaging/NuGet/common.sh
script=packaging/NuGet/tool.sh
soname=libnativemalloc.so.${version%%.*}
stage=$PWD/out/obj/tool
log=out/obj/tool.log
need out/libnativemalloc.so out/nativemalloc-inspect

# settings ATTRIBUTES [ELEMENTS]: which command the package has.
settings() {
    printf '<?xml version="1.0" encoding="utf-8"?>\n<DotNetCliTool Version="2">\n  <Commands>\n    <Command Name="dotnet-nativemalloc"%s />\n  </Commands>\n%s</DotNetCliTool>\n' "$1" "${2:-}"
}

pack_for() { pack Tool/Tool.csproj -p:Runtime="$1" -p:Stage="$stage/${1:-any}"; }

rm -rf "$stage"
mkdir -p "$stage/any" "$stage/linux-x64"
settings ' EntryPoint="nativemalloc" Runner="executable"' > "$stage/linux-x64/DotnetToolSettings.xml"
sed "s|@VERSION@|$version|; s|@SONAME@|$soname|; s|@BINDIR_TO_LIB[A-Z]*@|.|" packaging/nativemalloc.in > "$stage/linux-x64/nativemalloc"
strip --strip-unneeded -o "$stage/linux-x64/$soname" out/libnativemalloc.so
notices=$(packaging/notices.sh)
install -m 644 "$notices" "$stage/linux-x64/"
cp -r "$stage/linux-x64" "$stage/linux-musl-x64"
cp out/nativemalloc-inspect "$stage/linux-x64/"

run "the command could not be made for musl" dotnet publish packaging/Command/Command.csproj --nologo -v:quiet -o "$stage/linux-musl-x64" -p:Layout="$(packaging/layout.sh)" -p:LibraryVersion="$version" \
    -p:RuntimeIdentifier= -p:PublishAot=false -p:UseAppHost=false -p:BaseIntermediateOutputPath="$stage/obj/" -p:BaseOutputPath="$stage/bin/"
cat > "$stage/linux-musl-x64/nativemalloc-inspect" << 'END'
#!/bin/sh
exec "${DOTNET_HOST_PATH:-dotnet}" "$(dirname -- "$0")/nativemalloc-inspect.dll" "$@"
END
chmod 755 "$stage"/*/nativemalloc "$stage/linux-musl-x64/nativemalloc-inspect"

runtimes=
for runtime in linux-x64 linux-musl-x64; do
    runtimes+="    <RuntimeIdentifierPackage RuntimeIdentifier=\"$runtime\" Id=\"NativeMalloc.Tool.$runtime\" />"$'\n'
    pack_for $runtime
done
settings '' "  <RuntimeIdentifierPackages>"$'\n'"$runtimes  </RuntimeIdentifierPackages>"$'\n' > "$stage/any/DotnetToolSettings.xml"
pack_for ''
echo "made $folder/NativeMalloc.Tool.$version.nupkg, and one for each runtime identifier"
