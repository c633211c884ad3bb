#!/usr/bin/env bash
# Builds out/nativemalloc-inspect, which the command nativemalloc runs for its subcommands. Does nothing where nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."

product=out/nativemalloc-inspect
log=out/obj/command.log
inputs=(packaging/Command NativeMalloc/Profiles NativeMalloc/Process NativeMalloc/Sampling/Exponential.cs packaging/layout.sh packaging/version.sh NativeMalloc/include Directory.Build.props global.json)
while read -r structure; do
    inputs+=("$structure")
done < packaging/Command/structures.txt

# Tests call make at once.
exec 9< packaging/Command/build.sh
flock 9
[ ! -f $product ] || [ -n "$(find "${inputs[@]}" -newer $product -print -quit)" ] || exit 0

mkdir -p "$(dirname "$log")"
dotnet publish packaging/Command/Command.csproj --nologo -v:quiet -o out/obj/command \
    -p:Layout="$(packaging/layout.sh)" -p:LibraryVersion="$(packaging/version.sh)" > "$log" 2>&1 || {
    packaging/errors.sh "$log"
    echo "packaging/Command/build.sh: the command did not compile; all of it is in $log" >&2
    exit 1
}

# A running one keeps its file.
cp out/obj/command/nativemalloc-inspect $product.new
mv -f $product.new $product
echo "built $product ($(stat -c %s $product) bytes)"
