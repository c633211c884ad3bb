# java: compression by zlib for each request, whose memory is outside of its heap.

prepare() {
    cat > "$work/Server.java" << 'JAVA'
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.zip.GZIPOutputStream;

public final class Server {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 18082), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 200; i++)
            rows.append("row ").append(i).append('\n');
        server.createContext("/", exchange -> {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            try (GZIPOutputStream zip = new GZIPOutputStream(body)) {
                zip.write((exchange.getRequestURI() + "\n" + rows).getBytes());
            }
            exchange.sendResponseHeaders(200, body.size());
            exchange.getResponseBody().write(body.toByteArray());
            exchange.close();
        });
        server.start();
    }
}
JAVA
    javac -d "$work" "$work/Server.java"
}

start() {
    exec setsid java -Xmx256m -Dsun.net.httpserver.nodelay=true -cp "$work" Server
}

ready() {
    (exec 3<> /dev/tcp/127.0.0.1/18082)
}

load() {
    ab -q -n 20000 -c 16 -k http://127.0.0.1:18082/
}

clients=(18082 http:/ 16)
