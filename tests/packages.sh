# Sourced where Debian's packages are needed.

# install_packages PACKAGE...: as root installs what is missing, else says how to and ends. No server starts by itself.
install_packages() {
    local missing
    missing=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>&1 | awk '$1 != "installed" { print $NF }')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "$0: packages are missing: sudo apt-get install $*" >&2
        exit 1
    fi
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } > /dev/null; then
        rm -f /usr/sbin/policy-rc.d
        echo "$0: could not install: $*" >&2
        exit 1
    fi
    rm -f /usr/sbin/policy-rc.d
}
