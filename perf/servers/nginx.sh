# nginx: small files, compressed, to 64 connections.

prepare() {
    mkdir -p "$work/files"
    seq 2000 > "$work/files/numbers.txt"
    cat > "$work/nginx.conf" << CONF
daemon off;
pid $work/pid;
error_log $work/error.log;
worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    gzip on;
    gzip_types text/plain;
    client_body_temp_path $work/body;
    proxy_temp_path $work/proxy;
    fastcgi_temp_path $work/fastcgi;
    uwsgi_temp_path $work/uwsgi;
    scgi_temp_path $work/scgi;
    types { text/plain txt; }
    server { listen 127.0.0.1:18080; root $work/files; }
}
CONF
}

start() {
    exec setsid nginx -e "$work/error.log" -p "$work" -c "$work/nginx.conf"
}

ready() {
    (exec 3<> /dev/tcp/127.0.0.1/18080)
}

load() {
    ab -q -n 20000 -c 64 -k -H 'Accept-Encoding: gzip' http://127.0.0.1:18080/numbers.txt
}

clients=(18080 "http:/numbers.txt?" 16)
target() { pgrep -P "$1"; }
