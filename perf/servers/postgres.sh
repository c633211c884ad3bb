# PostgreSQL: four clients of pgbench that read and write.
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)

# It does not run as root.
user=()
[ "$(id -u)" != 0 ] || user=(setpriv --reuid=postgres --regid=postgres --clear-groups)

prepare() {
    [ "$(id -u)" != 0 ] || chown postgres "$work"
    "${user[@]}" "$programs/initdb" -D "$work/data" -A trust -U bench
    "${user[@]}" "$programs/pg_ctl" -D "$work/data" -w -o "-k $work -h ''" start
    "$programs/pgbench" -h "$work" -U bench -i -s 5 postgres
    "${user[@]}" "$programs/pg_ctl" -D "$work/data" -w stop
}

start() {
    exec "${user[@]}" setsid "$programs/postgres" -D "$work/data" -k "$work" -h '' -F
}

ready() {
    "$programs/pg_isready" -h "$work" -U bench
}

load() {
    "$programs/pgbench" -h "$work" -U bench -n -c 4 -t 1500 -S postgres
    "$programs/pgbench" -h "$work" -U bench -n -c 4 -t 400 postgres
}

# One connection, so that each request comes to the process that is looked at.
clients=("$work/.s.PGSQL.5432" postgres 1)
target() { pgrep -P "$1" -f 'postgres: bench'; }
