# node: JSON and a buffer outside of its heap for each request.

prepare() {
    cat > "$work/server.js" << 'JS'
const rows = Array.from({length: 40}, (_, i) => ({number: i, name: "row " + i}));
require("http").createServer((request, answer) => {
    const body = Buffer.from(JSON.stringify({path: request.url, rows}));
    const copy = Buffer.allocUnsafeSlow(16384);
    body.copy(copy);
    answer.writeHead(200, {"Content-Length": body.length});
    answer.end(copy.subarray(0, body.length));
}).listen(18081, "127.0.0.1");
JS
}

start() {
    exec setsid node "$work/server.js"
}

ready() {
    (exec 3<> /dev/tcp/127.0.0.1/18081)
}

load() {
    ab -q -n 20000 -c 16 -k http://127.0.0.1:18081/
}

clients=(18081 http:/ 16)
