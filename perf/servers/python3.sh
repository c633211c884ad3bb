# python3: its own server of HTTP, a thread for each connection, JSON and compression.

prepare() {
    cat > "$work/server.py" << 'PY'
import http.server, json, zlib

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self):
        body = zlib.compress(json.dumps({"path": self.path, "rows": [{"number": i, "name": "row %d" % i} for i in range(40)]}).encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 18084), Handler).serve_forever()
PY
}

start() {
    exec setsid /usr/bin/python3 "$work/server.py"
}

ready() {
    (exec 3<> /dev/tcp/127.0.0.1/18084)
}

load() {
    ab -q -n 5000 -c 8 -k http://127.0.0.1:18084/
}

clients=(18084 http:/ 8)
