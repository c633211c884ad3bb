#!/usr/bin/env bash
# Uses the package of make nuget as others would: from a folder with nothing but a feed that has it. What the SDK fetches besides comes from
# nuget.org, or from where NuGet keeps what it has fetched.
#
#     tests/nuget.sh [CASE]...      all of them, or those
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cases=(package web aot aot_web container containers libraries others hosts single musl)
[ $# = 0 ] || cases=("$@")

version=$(packaging/version.sh)
work=$(mktemp -d)
registry=
trap 'rm -rf "$work"' EXIT
unset LD_PRELOAD
fetched=$(dotnet nuget locals global-packages --list | sed 's/.*: //')
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
export DOTNET_CLI_HOME=$work/home NUGET_PACKAGES=$work/packages

fail() {
    echo "tests/nuget.sh: $*" >&2
    exit 1
}

# says TEXT COMMAND...: the command ends well, and one of its lines is the text.
says() {
    local text=$1 output
    shift
    output=$("$@" 2>&1) || fail "$* ended with $?: $output"
    grep -qxF "$text" <<< "$output" || fail "$* does not say '$text': $output"
}

# In a new folder: a project of this template, and the two lines.
new() {
    mkdir "$work/$case"
    cd "$work/$case"
    cat > NuGet.Config << END
<configuration>
  <packageSources>
    <clear />
    <add key="here" value="$work/feed" />
    <add key="nuget.org" value="https://api.nuget.org/v3/index.json" protocolVersion="3" />
  </packageSources>
  <packageSourceMapping>
    <packageSource key="here"><package pattern="NativeMalloc" /></packageSource>
    <packageSource key="nuget.org"><package pattern="*" /></packageSource>
  </packageSourceMapping>
  <fallbackPackageFolders>
    <clear />
    <add key="fetched" value="$fetched" />
  </fallbackPackageFolders>
</configuration>
END
    dotnet new "$1" -o app --no-restore "${@:2}" > "$work/log" 2>&1 || fail "$(< "$work/log")"
    cd app
    two_lines=$(cat app.*proj)
    two_lines=${two_lines/'</PropertyGroup>'/"<UseNativeMalloc>true</UseNativeMalloc></PropertyGroup>"}
    echo "${two_lines/'</Project>'/"<ItemGroup><PackageReference Include=\"NativeMalloc\" Version=\"$version\" /></ItemGroup></Project>"}" > "$(echo app.*proj)"
    if [ -f Program.cs ]; then
        { echo 'Tests.Run();'; cat Program.cs; cat "$root/tests/nuget/Tests.cs"; } > Program.cs.new
        mv Program.cs.new Program.cs
    fi
}

# dotnet with these arguments, quietly.
build() { dotnet "$@" --nologo -v:minimal > "$work/log" 2>&1 || fail "dotnet $*: $(< "$work/log")"; }

# The package is what was said of it, and the same again.
package() {
    rm -rf out/obj/NativeMalloc.Managed out/obj/NativeMalloc.Tasks
    packaging/NuGet/build.sh "$work/again" > /dev/null
    local file
    for file in "$work/feed"/*; do
        cmp "$file" "$work/again/${file##*/}" || fail "the same sources gave another package"
    done
    file=$work/feed/NativeMalloc.$version.nupkg
    diff <(unzip -Z1 "$file" | grep -vE '^_rels/|^package/|^\[Content' | sort) - << END || fail "the package does not have what it should"
NativeMalloc.nuspec
README.md
build/NativeMalloc.targets
buildTransitive/NativeMalloc.Tasks.dll
buildTransitive/NativeMalloc.targets
lib/net8.0/NativeMalloc.dll
lib/net8.0/NativeMalloc.xml
native/exports.txt
native/libnativemalloc.a
runtimes/linux-musl-x64/native/libnativemalloc.so
runtimes/linux-x64/native/libnativemalloc.so
symbols/libnativemalloc.so.debug
END
    # A debugger finds what belongs to the library.
    unzip -qo "$file" 'symbols/*' 'runtimes/linux-x64/*' -d "$work"
    [ "$(readelf -n "$work/symbols/libnativemalloc.so.debug" | grep 'Build ID')" = "$(readelf -n "$work/runtimes/linux-x64/native/libnativemalloc.so" | grep 'Build ID')" ] ||
        fail "the debug information has another build id than the library"
    grep -qx lib/net8.0/NativeMalloc.pdb <(unzip -Z1 "$work/feed/NativeMalloc.$version.snupkg") || fail "there are no symbols of the managed library"
}

# dotnet publish, dotnet run, and dotnet app.dll, which has no apphost.
web() {
    new web
    build publish
    says 'active: True' bin/Release/net10.0/publish/app
    says 'active: False' dotnet bin/Release/net10.0/publish/app.dll
    says 'active: True' env "LD_PRELOAD=$PWD/bin/Release/net10.0/publish/runtimes/linux-x64/native/libnativemalloc.so" dotnet bin/Release/net10.0/publish/app.dll
    # Another copy that is preloaded comes before the one that is needed.
    says 'active: True' env "LD_PRELOAD=$root/out/libnativemalloc.so" bin/Release/net10.0/publish/app
    says 'active: True' dotnet run
}

# An executable has malloc in it, and libraries that it loads, and libc, use that.
aot() {
    new "${1:-console}"
    build publish -p:PublishAot=true -p:AllowUnsafeBlocks=true
    local app=bin/Release/net10.0/linux-x64/publish/app
    [ ! -e "${app%/*}/libnativemalloc.so" ] || fail "the library lies beside an executable that has it linked"
    says 'active: True' $app
    ! grep -q nativemalloc <(readelf -dW $app) || fail "the executable needs the library that it has"
}

# TLS, compression and all that else a service has in native code.
aot_web() { aot web; }

# image ARCHIVE: the configuration of an image in an archive, in one line.
image() {
    python3 - "$1" << 'END'
import json, sys, tarfile
tar = tarfile.open(sys.argv[1])
read = lambda digest: json.load(tar.extractfile("blobs/" + digest.replace(":", "/")))
def images(index):
    for entry in index["manifests"]:
        manifest = read(entry["digest"])
        yield from images(manifest) if "manifests" in manifest else [manifest]
for manifest in images(json.load(tar.extractfile("index.json"))):
    config = read(manifest["config"]["digest"])
    files = set()
    for layer in manifest["layers"]:
        files |= {"/" + member.name for member in tarfile.open(fileobj=tar.extractfile("blobs/" + layer["digest"].replace(":", "/"))) if member.isfile()}
    preloaded = [value[11:] for value in config["config"]["Env"] if value.startswith("LD_PRELOAD=")]
    for path in ":".join(preloaded).split(":"):
        if path.endswith("/libnativemalloc.so") and path not in files:
            sys.exit(f"{path} is not in the image: {files}")
    print(config["architecture"], *config["config"]["Env"])
END
}

# publish_image ARGUMENT...: makes $work/image.tar.gz, on the one image that there is in a registry on this machine.
publish_image() {
    if [ -z "$registry" ]; then
        rm -f "$work/registry"
        python3 "$root/tests/nuget/registry.py" "$work/registry" TIER=test &
        registry=$!
        until [ -f "$work/registry" ]; do sleep 0.05; done
        export DOTNET_CONTAINER_INSECURE_REGISTRIES
        DOTNET_CONTAINER_INSECURE_REGISTRIES=$(< "$work/registry")
    fi
    rm -f "$work/image.tar.gz"
    build publish /t:PublishContainer -p:ContainerBaseImage="$(< "$work/registry")/base:1" -p:ContainerArchiveOutputPath="$work/image.tar.gz" "$@"
}

# An image's environment has the library, where it lies in it.
container() {
    new web
    publish_image
    says 'amd64 PATH=/usr/bin:/bin TIER=test LD_PRELOAD=/app/runtimes/linux-x64/native/libnativemalloc.so' image "$work/image.tar.gz"
}

# In another folder; where the project preloads something already; for several runtimes, of which the library is not for all.
containers() {
    new web
    sed -i 's|</ItemGroup>|<ContainerEnvironmentVariable Include="LD_PRELOAD" Value="/usr/lib/other.so" />&|' app.csproj
    publish_image -r linux-musl-x64 --self-contained false -p:ContainerWorkingDirectory=/srv/
    says 'amd64 PATH=/usr/bin:/bin TIER=test LD_PRELOAD=/srv/libnativemalloc.so:/usr/lib/other.so' image "$work/image.tar.gz"
    publish_image '-p:ContainerRuntimeIdentifiers="linux-x64;linux-arm64"' '-p:RuntimeIdentifiers="linux-x64;linux-arm64"' -p:UseAppHost=false
    says 'amd64 PATH=/usr/bin:/bin TIER=test LD_PRELOAD=/app/libnativemalloc.so:/usr/lib/other.so' image "$work/image.tar.gz"
    says 'amd64 PATH=/usr/bin:/bin TIER=test LD_PRELOAD=/usr/lib/other.so' image "$work/image.tar.gz"
    publish_image -r linux-x64 --self-contained -p:PublishTrimmed=true
    says 'amd64 PATH=/usr/bin:/bin TIER=test LD_PRELOAD=/app/libnativemalloc.so:/usr/lib/other.so' image "$work/image.tar.gz"
}

# An app that gets the package by way of a library is on it all the same; a library alone is left as it is.
libraries() {
    new classlib -n app
    build build
    ! grep -q nativemalloc -i <(ls obj/Debug/net10.0) || fail "a library was given an apphost"
    cd ..
    dotnet new console -o above --no-restore > /dev/null
    cd above
    sed -i 's|</PropertyGroup>|<UseNativeMalloc>true</UseNativeMalloc>&|; s|</Project>|<ItemGroup><ProjectReference Include="../app/app.csproj" /></ItemGroup>&|' above.csproj
    echo 'Console.WriteLine($"active: {NativeMalloc.NativeMallocHeap.IsActive}");' > Program.cs
    says 'active: True' dotnet run
}

# Where there is no such library the app is built as without it, and one line says so.
others() {
    new console
    for runtime in win-x64 linux-arm64; do
        build build -r $runtime -p:UseAppHost=false
        [ "$(grep -c NativeMalloc "$work/log")" = 1 ] || fail "for $runtime: $(< "$work/log")"
        grep -qF "app: NativeMalloc is for linux-x64 and linux-musl-x64; for $runtime the app is built without it." "$work/log" || fail "for $runtime: $(< "$work/log")"
        [ -z "$(find bin -name 'libnative*' -path "*$runtime*")" ] || fail "there is a library for $runtime"
    done
    says 'active: False' dotnet bin/Debug/net10.0/win-x64/app.dll
    # Nor is anything said, or done, where nobody asked.
    sed -i 's|<UseNativeMalloc>.*</UseNativeMalloc>||' app.csproj
    build build
    ! grep -q NativeMalloc "$work/log" || fail "$(< "$work/log")"
    says 'active: False' bin/Debug/net10.0/app
}

# The apphost is in order for those who read it.
hosts() {
    new console
    build build
    local app=bin/Debug/net10.0/app
    [ -z "$(readelf -aW $app 2>&1 > /dev/null)" ] || fail "readelf finds fault with the apphost: $(readelf -aW $app 2>&1 > /dev/null)"
    grep -m 1 NEEDED <(readelf -dW $app) | grep -F '[libnativemalloc.so]' > /dev/null || fail "the apphost does not need the library first: $(readelf -dW $app)"
    gdb -batch -ex 'set breakpoint pending on' -ex 'break _exit' -ex run -ex 'info symbol malloc' $app > "$work/log" 2>&1 || fail "gdb: $(< "$work/log")"
    grep -q 'malloc in section .* of .*/libnativemalloc.so' "$work/log" || fail "a debugger does not see the library: $(< "$work/log")"
    # A second build has nothing to do, and says the same.
    local before; before=$(stat -c %Y.%s obj/Debug/net10.0/apphost)
    build build
    [ "$(stat -c %Y.%s obj/Debug/net10.0/apphost)" = "$before" ] || fail "the apphost was made again"
    build build -p:UseNativeMallocAppHost=false
    says 'active: False' $app
    build build
    says 'active: True' $app
    build clean
    [ ! -e obj/Debug/net10.0/nativemalloc/apphost ] || fail "dotnet clean leaves the apphost"
    # In another language.
    case=fsharp
    new console -lang F#
    echo 'printfn "active: %b" NativeMalloc.NativeMallocHeap.IsActive' > Program.fs
    says 'active: true' dotnet run
}

# With the runtime; trimmed; in a single file, beside which the library lies.
single() {
    new console
    build publish -r linux-x64 --self-contained -p:PublishTrimmed=true
    says 'active: True' bin/Release/net10.0/linux-x64/publish/app
    rm -rf bin obj
    build publish -r linux-x64 --self-contained -p:PublishSingleFile=true -p:IncludeNativeLibrariesForSelfExtract=true
    mv bin/Release/net10.0/linux-x64/publish "$work/moved"
    [ "$(ls "$work/moved")" = "$(printf '%s\n' app app.pdb libnativemalloc.so)" ] || fail "a single file and the library: $(ls "$work/moved")"
    says 'active: True' "$work/moved/app"
}

# The runtime for musl, in a root that has musl and no other libc.
musl() {
    . "$root/tests/packages.sh"
    install_packages musl-tools
    new web
    build publish -r linux-musl-x64 --self-contained -p:InvariantGlobalization=true
    local folder=$work/root
    mkdir -p "$folder/lib" "$folder/usr/lib" "$folder/proc" "$folder/tmp"
    cp -L /lib/ld-musl-x86_64.so.1 "$folder/lib/"
    ln -s ld-musl-x86_64.so.1 "$folder/lib/libc.musl-x86_64.so.1"
    cp -L "$(g++ -print-file-name=libstdc++.so.6)" "$(g++ -print-file-name=libgcc_s.so.1)" "$folder/usr/lib/"
    musl-gcc -shared -fPIC -O1 -Wall -Wextra -Werror "$root/tests/nuget/musl.c" -Wl,-soname,ld-linux-x86-64.so.2 -o "$folder/usr/lib/ld-linux-x86-64.so.2"
    cp -r bin/Release/net10.0/linux-musl-x64/publish "$folder/app"
    says 'active: True' unshare --mount sh -c "mount --bind /proc '$folder/proc' && exec chroot '$folder' /app/app"
    # dotnet app.dll, as far as there is a dotnet for musl here: the same apphost as it was, and the library preloaded.
    build publish -r linux-musl-x64 --self-contained -p:InvariantGlobalization=true -p:UseNativeMallocAppHost=false
    cp bin/Release/net10.0/linux-musl-x64/publish/app "$folder/app/preloaded"
    mv "$folder/app/preloaded" "$folder/app/app"
    says 'active: False' unshare --mount sh -c "mount --bind /proc '$folder/proc' && exec chroot '$folder' /app/app"
    says 'active: True' unshare --mount sh -c "mount --bind /proc '$folder/proc' && LD_PRELOAD=/app/libnativemalloc.so exec chroot '$folder' /app/app"
}

[ -f out/libnativemalloc.so ] || ./build.sh
packaging/NuGet/build.sh "$work/feed" > "$work/log" || fail "$(< "$work/log")"
for case in "${cases[@]}"; do
    (
        trap '[ -z "$registry" ] || kill "$registry"' EXIT
        cd "$root"
        $case
    )
    echo "ok $case"
done
