# PostgreSQL's regression tests, against Debian's server, as a user who is not root.
packages=(postgresql-15 postgresql-server-dev-15 gcc libc6-dev)
source=postgresql-15

prepare() {
    gcc -shared -fPIC -O1 -w -I"$(pg_config --includedir-server)" src/test/regress/regress.c -o src/test/regress/regress.so
}

run() {
    local regress=$PWD/src/test/regress folder as=()
    folder=$(mktemp -d)
    [ "$(id -u)" != 0 ] || { as=(runuser -u postgres --) && chown postgres "$folder"; } # the server refuses root
    (
        cd "$folder" || exit
        "${as[@]}" "$(pg_config --pkglibdir)/pgxs/src/test/regress/pg_regress" --inputdir="$regress" --outputdir="$folder" \
            --dlpath="$regress" --bindir="$(pg_config --bindir)" --temp-instance="$folder/instance" --no-locale \
            --schedule="$regress/parallel_schedule" --max-concurrent-tests=20
    ) 2>&1 | tee /dev/stderr | sed -nE 's/^ *(test )?(\S+) +\.\.\. (ok|FAILED|failed).*/\2: \3/p'
    rm -rf "$folder"
}
