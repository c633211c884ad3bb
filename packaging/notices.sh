#!/usr/bin/env bash
# Prints where the notices are that go with the .NET runtime's code, which NativeAOT links into the command: in the compiler's package.
set -euo pipefail
packages=$(dotnet nuget locals global-packages --list | sed 's/.*: //')
find "$packages/runtime.linux-x64.microsoft.dotnet.ilcompiler" -name THIRD-PARTY-NOTICES.TXT | sort -V | tail -n 1 | grep . || {
    echo "notices.sh: there are no THIRD-PARTY-NOTICES.TXT in $packages/runtime.linux-x64.microsoft.dotnet.ilcompiler" >&2
    exit 1
}
