#!/usr/bin/env bash
# Real programs' own test suites, without the library and under it: the same results are asked for.
#
#     tests/suites/run.sh [SUITE...]        all that lie beside this file, or those named
#
# A suite says which Debian packages it needs, and whose source if any, and has two functions: prepare builds what the tests need,
# run prints one line for each test, "name: result". Both run in a folder of its own, with the unpacked source. Tests whose results differ are
# run again both ways, since some of them fail by chance: what differs a second time fails.
set -uo pipefail
cd "$(dirname "$0")/../.."
suites=$PWD/tests/suites
work=$PWD/out/suites
library=$work/libnativemalloc.so

. tests/packages.sh

fail() {
    echo "suites: $*" >&2
    exit 1
}

# fetch_source PACKAGE FOLDER: this release's, by an apt of our own, whatever the system's sources are.
fetch_source() {
    local release apt=$work/apt
    [ -d "$2" ] && return
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" > "$apt/sources"
    local options=(-q -o "Dir::Etc::sourcelist=$apt/sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
        -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
    (
        cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only "$1" &&
            dpkg-source -x "$1"_*.dsc "$2"
    ) > "$apt/log" 2>&1 || fail "the source of $1 could not be fetched: $apt/log"
}

# run_suite NAME VARIABLE...: its results, sorted.
run_suite() (
    local name=$1
    shift
    cd "$work/$name"
    env "$@" bash -c '. "$0"; run' "$suites/$name.sh" 2> "$work/$name.log" | sort
)

compare() { diff "$work/$1.plain" "$work/$1.ours"; }

# both SUITE: runs it both ways.
both() {
    run_suite "$1" > "$work/$1.plain"
    run_suite "$1" LD_PRELOAD="$library" > "$work/$1.ours"
}

mkdir -p "$work"
# A running program keeps the file that it has mapped.
./build.sh && cp out/libnativemalloc.so "$library.new" && mv "$library.new" "$library" || exit 1
[ $# -gt 0 ] || set -- $(cd "$suites" && ls *.sh | grep -vx run.sh | sed 's/\.sh$//')
status=0
for suite; do
    [ -f "$suites/$suite.sh" ] || fail "there is no suite '$suite'"
    (
        . "$suites/$suite.sh"
        install_packages "${packages[@]}"
        [ -z "$source" ] || fetch_source "$source" "$work/$suite"
        mkdir -p "$work/$suite" && cd "$work/$suite" || exit 1
        [ -f .prepared ] || { prepare > "$work/$suite.log" 2>&1 && touch .prepared; } || fail "$suite could not be prepared: $work/$suite.log"
    ) || exit 1
    SECONDS=0
    both "$suite"
    first=$(compare "$suite")
    [ -z "$first" ] || both "$suite"
    # What differed both times, in the same way.
    differing=$(comm -12 <(sort <<< "$first") <(compare "$suite" | sort) | grep '^[<>]')
    [ "$(wc -l < "$work/$suite.plain")" -gt 50 ] || differing+="too few tests ran: $work/$suite.log"
    printf '%-10s %6d tests without the library, %6d under it, %d differ (%d s)\n' "$suite" \
        "$(wc -l < "$work/$suite.plain")" "$(wc -l < "$work/$suite.ours")" "$(grep -c . <<< "$differing")" "$SECONDS"
    [ -z "$differing" ] || { echo "$differing"; status=1; }
done
exit "$status"
