# Sourced where Debian's packages are needed.

# install_packages PACKAGE...: as root installs what is missing, else says how to and ends.
install_packages() {
    local missing
    # It fails for those that it has never heard of, and says so for each.
    missing=$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>&1 || true; } | awk '$1 != "installed" { print $NF }')
    [ -z "$missing" ] || get_packages $missing
}

# get_packages PACKAGE...: the same for what is known to be missing. No server starts by itself.
get_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
        echo "$0: packages are missing: sudo apt-get install $*" >&2
        exit 1
    fi
    echo "$0: installing $*" >&2
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } > /dev/null; then
        echo "$0: could not install: $*" >&2
        exit 1
    fi
    rm -f /usr/sbin/policy-rc.d
    trap - EXIT
}
