#!/usr/bin/env bash
# Sees to the programs that the tests use: as root on Debian installs what is missing, elsewhere says how to.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

declare -A package_of=(
    [gcc]=gcc [g++]=g++ [ld]=binutils [gdb]=gdb [valgrind]=valgrind [strace]=strace [taskset]=util-linux [awk]=gawk [dash]=dash
    [python3]=python3 [perl]=perl [git]=git [sqlite3]=sqlite3 [xz]=xz-utils [tar]=tar [redis-server]=redis-server
    [cmake]=cmake [pkg-config]=pkg-config [dpkg-deb]=dpkg [make]=make
    [redis-cli]=redis-tools [memcached]=memcached [node]=nodejs [java]=default-jdk-headless [named]=bind9 [dig]=bind9-dnsutils
    [zsh]=zsh [php]=php-cli [google-pprof]=google-perftools [jeprof]=libjemalloc-dev [pgrep]=procps [unzip]=unzip [ldbadd]=ldb-tools
)

missing=()
for program in "${!package_of[@]}"; do
    command -v "$program" > /dev/null || missing+=("${package_of[$program]}")
done
for extension in intl mbstring sqlite3 xml; do
    compgen -G "/usr/lib/php/*/$extension.so" > /dev/null || missing+=("php-$extension")
done
[ -d /usr/lib/python3/dist-packages/pyte ] || missing+=(python3-pyte)
[ -d /usr/include/c++/v1 ] || missing+=(libc++-dev libc++abi-dev)
[ ${#missing[@]} = 0 ] || get_packages "${missing[@]}"
