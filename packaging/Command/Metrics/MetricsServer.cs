using System.Net;
using System.Net.Sockets;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>Serves /metrics over HTTP/1.1, a request to a connection.</summary>
internal sealed class MetricsServer(Func<Metrics> read)
{
    /// <summary>More than any scraper's request has, and a client has so long for all of it.</summary>
    private const int MostRequestBytes = 16 << 10;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Of more clients at once the oldest is left: a scraper is done within milliseconds, so it is one that is slow.</summary>
    private const int MostClients = 64;

    private readonly LinkedList<CancellationTokenSource> _clients = [];
    private readonly Lock _lock = new();
    private Task<Metrics>? _reading;

    /// <summary>Binds to the address, says so, and serves until the process ends.</summary>
    internal void Run(IPEndPoint address)
    {
        using Socket listener = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(address);
            listener.Listen(MostClients);
        }
        catch (SocketException error)
        {
            throw new Refusal($"--listen: {address}: {error.Message}");
        }

        Console.Out.WriteLine($"nativemalloc: metrics: at http://{listener.LocalEndPoint}/metrics");
        while (true)
        {
            try
            {
                Socket client = listener.Accept();
                _ = Task.Run(() => Serve(client));
            }
            catch (SocketException)
            {
                Thread.Sleep(10); // it has gone already, or there are no more files for now
            }
        }
    }

    private async Task Serve(Socket client)
    {
        using CancellationTokenSource late = new(s_patience);
        try
        {
            lock (_lock)
            {
                _clients.AddLast(late);
                if (_clients.Count > MostClients)
                {
                    _clients.First!.Value.CancelAfter(0); // by another thread, without this lock
                    _clients.RemoveFirst();
                }
            }

            if (await Request(client, late.Token) is string request)
            {
                byte[] answer = await Answer(HttpRequest.Parse(request));
                for (int sent = 0; sent < answer.Length;)
                {
                    sent += await client.SendAsync(answer.AsMemory(sent), late.Token);
                }

                // What it sent besides is read: else the kernel resets the connection, and it may lose the answer.
                client.Shutdown(SocketShutdown.Send);
                byte[] rest = new byte[MostRequestBytes];
                for (int left = MostRequestBytes, got; left > 0 && (got = await client.ReceiveAsync(rest, late.Token)) > 0; left -= got)
                {
                }
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            // It has gone, or is too slow.
        }
        finally
        {
            client.Dispose();
            lock (_lock)
            {
                _clients.Remove(late);
            }
        }
    }

    // Up to the empty line; what is longer is as far as it was read. Null if it ends before.
    private static async Task<string?> Request(Socket client, CancellationToken late)
    {
        byte[] text = new byte[MostRequestBytes];
        for (int length = 0; length < text.Length;)
        {
            int got = await client.ReceiveAsync(text.AsMemory(length), late);
            if (got == 0)
            {
                return null;
            }

            length += got;
            int end = text.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                return Encoding.Latin1.GetString(text, 0, end);
            }
        }

        return "";
    }

    private async Task<byte[]> Answer(HttpRequest request)
    {
        (int status, string name) = request.Status;
        string type = "text/plain; charset=utf-8", body = name + "\n";
        if (status == 200)
        {
            bool open = request.WantsOpenMetrics;
            type = open ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
            try
            {
                body = (await ReadTogether()).Write(open ? MetricsFormat.OpenMetrics : MetricsFormat.Prometheus);
            }
            catch (Exception error)
            {
                // Whatever it is: the next look may go well.
                (status, name, type, body) = (500, "Internal Server Error", "text/plain; charset=utf-8", error.Message + "\n");
            }
        }

        byte[] content = Encoding.UTF8.GetBytes(body);
        string head = $"HTTP/1.1 {status} {name}\r\nDate: {DateTime.UtcNow:R}\r\nContent-Type: {type}\r\nContent-Length: {content.Length}\r\nVary: Accept\r\nConnection: close\r\n"
            + (status == 405 ? "Allow: GET, HEAD\r\n" : "") + "\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. request.IsHead ? [] : content];
    }

    // Who asks while processes are being read gets what comes of that.
    private Task<Metrics> ReadTogether()
    {
        lock (_lock)
        {
            return _reading is { IsCompleted: false } ? _reading : _reading = Task.Run(read);
        }
    }
}
