#!/usr/bin/env bash
# Runs each check of tests/programs/conformance.c, and each misuse of misuse.c, under glibc's malloc, NativeMalloc and Debian's
# other allocators where they are installed, each in a process of its own and in 60 seconds. Puts the tables into
# docs/conformance.md between its markers, and prints them.
#
#     tests/conformance.sh
set -uo pipefail
cd "$(dirname "$0")/.."
./build.sh || exit 1
work=$PWD/out/tests/conformance
document=docs/conformance.md
mkdir -p "$work"
for program in conformance misuse; do
    gcc -O1 -g -fno-builtin -Wall -Wextra -pthread tests/programs/$program.c -o "$work/$program" -ldl || exit 1
done

names=() libraries=()
add() { names+=("$1") libraries+=("$2"); }
# add_package NAME PACKAGE FILE: Debian's package, with its version, where it is installed.
add_package() {
    local version
    version=$(dpkg-query -W -f '${Version}' "$2" 2> /dev/null) && [ -f "/usr/lib/x86_64-linux-gnu/$3" ] &&
        add "$1 $version" "/usr/lib/x86_64-linux-gnu/$3"
}
add "glibc $(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" ""
add "NativeMalloc" "$PWD/out/libnativemalloc.so"
add_package jemalloc libjemalloc2 libjemalloc.so.2
add_package mimalloc libmimalloc2.0 libmimalloc.so.2
add_package tcmalloc-minimal libtcmalloc-minimal4 libtcmalloc_minimal.so.4

# ended CODE: a shell's exit code in words.
ended() {
    if [ "$1" = 124 ]; then
        echo "no end after 60 s"
    elif [ "$1" -gt 128 ]; then
        echo "SIG$(kill -l $(($1 - 128)))"
    else
        echo "exit code $1"
    fi
}

# under "LIBRARY [VARIABLE=VALUE]" COMMAND...
under() {
    local library=$1
    shift
    timeout 60 env LD_PRELOAD=$library "$@" > "$work/output" 2> "$work/error" < /dev/null
}

head_row() {
    printf '| %s |' "$1"
    printf ' %s |' "${names[@]}"
    printf '\n|---|'
    printf -- '---|%.0s' "${names[@]}"
    printf '\n'
}

# What failed and why, without the allocators; and for each of these the allocators.
reasons=() wrong=0
declare -A who
check_rows() {
    local check i code cell passed=()
    for check in $("$work/conformance" --list); do
        printf '| %s |' "\`$check\`"
        for i in "${!names[@]}"; do
            under "${libraries[$i]}" "$work/conformance" "$check"
            code=$?
            case $code in
            0) cell=pass && passed[i]=$((${passed[i]:-0} + 1)) ;;
            77) cell='not offered' ;;
            *)
                cell="**fail: $(ended $code)**"
                [ "${names[$i]}" = NativeMalloc ] && wrong=1
                reason="\`$check\`, $(ended $code): $(sed -n 's/.*not so: \(.*\)/not so: `\1`/p' "$work/error" | head -n 1)"
                [ "${who[$reason]:-}" ] || reasons+=("$reason")
                who[$reason]+="${who[$reason]:+, }${names[$i]%% *}"
                ;;
            esac
            printf ' %s |' "$cell"
        done
        printf '\n'
    done
    printf '| **passed** |'
    for i in "${!names[@]}"; do
        printf ' %s |' "${passed[i]:-0}"
    done
    printf '\n'
}

misuse_rows() {
    local kind i code cell
    for kind in $("$work/misuse" --list); do
        printf '| %s |' "\`$kind\`"
        for i in "${!names[@]}"; do
            under "${libraries[$i]}" "$work/misuse" "$kind"
            code=$?
            if [ $code = 134 ]; then
                [ -s "$work/error" ] && cell='aborts with a message' || cell='aborts without a word'
            elif [ $code = 0 ]; then
                [ -s "$work/error" ] && cell='goes on, with a message' || cell='silent'
            else
                cell="$(ended $code)"
            fi
            printf ' %s |' "$cell"
        done
        printf '\n'
    done
}

changed=
[ -z "$(git status --porcelain -- NativeMalloc Shim 2> /dev/null)" ] || changed=' with changes'
{
    printf 'By `tests/conformance.sh` on %s, Linux %s, %s, NativeMalloc at\n%s.\n' "$(date -u +%F)" "$(uname -r | cut -d- -f1)" \
        "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(git log -1 --format=%h -- NativeMalloc Shim)$changed"
    echo
    head_row check
    check_rows
    echo
    echo "What did not hold:"
    echo
    for reason in "${reasons[@]}"; do
        echo "* $reason (${who[$reason]})"
    done
    echo
    echo "What each does with a misuse (\`tests/programs/misuse.c\`); \`NATIVEMALLOC_CHECK=1\` is NativeMalloc's checking mode:"
    echo
    # Its column comes after NativeMalloc's own, the second.
    names=("${names[@]:0:2}" "NATIVEMALLOC_CHECK=1" "${names[@]:2}")
    libraries=("${libraries[@]:0:2}" "${libraries[1]} NATIVEMALLOC_CHECK=1" "${libraries[@]:2}")
    head_row misuse
    misuse_rows
} > "$work/tables.md"
cat "$work/tables.md"

# The text around the markers stays.
awk -v tables="$work/tables.md" '
    /^<!-- end of the tables -->/ { inside = 0 }
    !inside { print }
    /^<!-- tables: / { inside = 1; while ((getline line < tables) > 0) print line }
' "$document" > "$work/document.md" && cat "$work/document.md" > "$document"
exit $wrong
