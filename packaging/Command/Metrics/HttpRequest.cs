using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>The head of a request, and what is to be answered.</summary>
internal sealed class HttpRequest
{
    internal bool IsHead { get; private init; }

    internal (int Number, string Name) Status { get; private init; }

    /// <summary>It likes that better than Prometheus' text, which is for all others.</summary>
    internal bool WantsOpenMetrics { get; private init; }

    internal static HttpRequest Parse(string head)
    {
        string[] lines = head.Split("\r\n");
        string[] words = lines[0].Split(' ');
        bool hasHost = lines.Any(line => line.StartsWith("host:", StringComparison.OrdinalIgnoreCase));
        return new HttpRequest
        {
            IsHead = words[0] == "HEAD",
            Status = StatusOf(words, hasHost),
            WantsOpenMetrics = Prefers(string.Join(",", lines.Where(line => line.StartsWith("accept:", StringComparison.OrdinalIgnoreCase)).Select(line => line[7..]))),
        };
    }

    private static (int Number, string Name) StatusOf(string[] words, bool hasHost)
    {
        if (words.Length != 3 || words[0] == "" || !words[2].StartsWith("HTTP/"))
        {
            return (400, "Bad Request");
        }

        if (!words[2].StartsWith("HTTP/1."))
        {
            return (505, "HTTP Version Not Supported");
        }

        if (words[2] != "HTTP/1.0" && !hasHost)
        {
            return (400, "Bad Request");
        }

        // Proxies send the whole address.
        string target = words[1].StartsWith("http://") && words[1].IndexOf('/', 7) is > 0 and int slash ? words[1][slash..] : words[1];
        return target.Split('?')[0] != "/metrics" ? (404, "Not Found")
            : words[0] is not ("GET" or "HEAD") ? (405, "Method Not Allowed")
            : (200, "OK");
    }

    // By the weights of RFC 9110, 12.5.1.
    private static bool Prefers(string accept)
    {
        double open = 0, text = 0;
        foreach (string range in accept.Split(','))
        {
            string[] parts = [.. range.Split(';').Select(part => part.Trim().ToLowerInvariant())];
            string version = Parameter(parts, "version");
            double weight = double.TryParse(Parameter(parts, "q"), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double q) ? q : 1;
            if (parts[0] == "application/openmetrics-text" && version is ("" or "1.0.0"))
            {
                open = Math.Max(open, weight);
            }
            else if (parts[0] == "text/plain")
            {
                text = Math.Max(text, weight);
            }
        }

        return open > 0 && open >= text;
    }

    private static string Parameter(string[] parts, string name) =>
        parts.Skip(1).FirstOrDefault(part => part.StartsWith(name + "="))?[(name.Length + 1)..].Trim('"') ?? "";
}
