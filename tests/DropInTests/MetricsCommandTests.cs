using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>nativemalloc metrics: printed, served, and in a file.</summary>
public sealed class MetricsCommandTests
{
    // JSON's names of numbers, and where metrics have them, with the labels besides the process's.
    private static readonly Dictionary<string, string> s_places = new()
    {
        ["active"] = "", ["pid"] = "", // in labels, or whether there are any
        ["sample"] = "nativemalloc_sample_interval_bytes",
        ["slabs"] = "nativemalloc_slabs",
        ["slabs_made"] = "nativemalloc_slabs_made_total",
        ["allocated"] = "nativemalloc_allocated_bytes_total",
        ["memory_goes_back"] = "nativemalloc_release_works",
        ["slow_path.allocations"] = "nativemalloc_cache_misses_total,operation=\"allocate\"",
        ["slow_path.frees"] = "nativemalloc_cache_misses_total,operation=\"free\"",
        ["bytes.mapped"] = "nativemalloc_heap_mapped_bytes",
        ["bytes.in_use_large"] = "nativemalloc_heap_in_use_large_bytes",
        ["bytes.internal_waste"] = "nativemalloc_heap_internal_waste_bytes",
        ["bytes.released_in_spans"] = "nativemalloc_heap_released_in_spans_bytes",
        ["bytes.metadata_touched"] = "nativemalloc_heap_metadata_touched_bytes",
        ["remnants.bytes"] = "nativemalloc_heap_remnants_bytes",
        ["remnants.used"] = "nativemalloc_heap_remnants_used_bytes",
        ["limits.limit"] = "nativemalloc_heap_limit_bytes",
        ["limits.soft_limit"] = "nativemalloc_heap_soft_limit_bytes",
        ["limits.limit_percent"] = "nativemalloc_heap_limit_ratio",
        ["limits.soft_limit_percent"] = "nativemalloc_heap_soft_limit_ratio",
        ["limits.of"] = "nativemalloc_heap_limit_base_bytes",
    };

    private static readonly Dictionary<string, string> s_classPlaces = new()
    {
        ["live"] = "nativemalloc_class_bytes,state=\"live\"",
        ["front_end"] = "nativemalloc_class_bytes,state=\"front_end\"",
        ["transfer"] = "nativemalloc_class_bytes,state=\"transfer\"",
        ["central"] = "nativemalloc_class_bytes,state=\"central\"",
        ["spans"] = "nativemalloc_class_spans",
        ["released"] = "nativemalloc_class_released_bytes",
        ["allocation_misses"] = "nativemalloc_class_cache_misses_total,operation=\"allocate\"",
        ["free_misses"] = "nativemalloc_class_cache_misses_total,operation=\"free\"",
        ["transfer_hits"] = "nativemalloc_class_transfers_total,result=\"hit\"",
        ["transfer_misses"] = "nativemalloc_class_transfers_total,result=\"miss\"",
    };

    private static Exposition Printed(params string[] arguments)
    {
        Outcome outcome = new Command(Installation.Program, ["metrics", .. arguments]).Run().Succeeded();
        Assert.Equal("", outcome.Error);
        return Exposition.Parse(outcome.Output, open: !arguments.Contains("prometheus"));
    }

    // So no number that the report has is missing here.
    [Theory]
    [InlineData("")]
    [InlineData("LIMIT=50%")]
    [InlineData("SOFT_LIMIT=40M")]
    [InlineData("SAMPLE=64K")]
    public void EachNumberOfTheProcessIsThere(string option)
    {
        string file = Path.Combine(Repository.NewFolder("metrics"), "own.json");
        string[] setting = option.Split('=');
        Command command = TestProgram.Run("seen", file).Preloaded();
        using RunningProgram program = (option == "" ? command : command.With("NATIVEMALLOC_" + setting[0], setting[1])).Start().Ready();
        Exposition metrics = Printed("--classes");
        string process = $"pid=\"{program.Number}\",comm=\"seen\"";
        JsonElement all = JsonDocument.Parse(File.ReadAllText(file)).RootElement;
        int numbers = 0;
        foreach ((string name, JsonElement value) in Numbers(all, ""))
        {
            string place = s_places.TryGetValue(name, out string? known) ? known
                : name.StartsWith("bytes.") ? $"nativemalloc_heap_bytes,state=\"{name[6..]}\"" : throw new KeyNotFoundException(name);
            numbers += place != "" ? 1 : 0;
            AssertThere(place, process, value, name.EndsWith("_percent") ? 100 : 1, name == "sample");
        }

        Assert.InRange(numbers, s_places.Count, 100);
        int classes = 0;
        foreach (JsonElement one in all.GetProperty("classes").EnumerateArray())
        {
            bool used = one.Number("spans") + one.Number("allocation_misses") + one.Number("free_misses") > 0;
            foreach (JsonProperty number in one.EnumerateObject().Where(number => used && number.Name != "size"))
            {
                AssertThere(s_classPlaces[number.Name], $"{process},size=\"{one.Number("size")}\"", number.Value, s_classPlaces[number.Name].StartsWith("nativemalloc_class_bytes") ? 1.0 / one.Number("size") : 1, false);
            }

            classes += used ? 1 : 0;
        }

        Assert.Equal(classes, metrics.Samples.Keys.Count(key => key.StartsWith($"nativemalloc_class_spans{{{process},")));
        Assert.Contains(metrics.Samples.Keys, key => key.StartsWith($"nativemalloc_process_info{{{process},cgroup=\"")
            && key.Contains($",version=\"{Installation.Version}\",front_end=\"{all.Text("front_end")}\",rseq=\"{all.Text("rseq")}\",index=\"{all.Text("index")}\"}}"));
        double resident = metrics.Samples[$"nativemalloc_process_resident_memory_bytes{{{process}}}"];
        Assert.InRange(resident, all.Number("bytes", "in_use") / 2, 1L << 30);
        Assert.Equal(0, program.End());

        void AssertThere(string place, string labels, JsonElement value, double divisor, bool zeroForNone)
        {
            if (place == "")
            {
                return;
            }

            string[] parts = place.Split(',', 2);
            string key = $"{parts[0]}{{{labels}{(parts.Length > 1 ? "," + parts[1] : "")}}}";
            if (value.ValueKind == JsonValueKind.Null && !zeroForNone)
            {
                Assert.DoesNotContain(key, metrics.Samples);
                return;
            }

            double expected = value.ValueKind is JsonValueKind.True ? 1 : value.ValueKind is JsonValueKind.False or JsonValueKind.Null ? 0 : Math.Round(value.GetDouble() / divisor, 2);
            Assert.True(metrics.Samples.TryGetValue(key, out double shown), key);
            Assert.True(expected == shown, $"{key}: {shown}, where the process says {expected}");
        }
    }

    // All but texts, with the objects that they are in.
    private static IEnumerable<(string Name, JsonElement Value)> Numbers(JsonElement all, string before) =>
        all.EnumerateObject().SelectMany(one => one.Value.ValueKind switch
        {
            JsonValueKind.Object => Numbers(one.Value, one.Name + "."),
            JsonValueKind.Array or JsonValueKind.String => [],
            _ when before + one.Name == "limits.by" => [],
            _ => new[] { (before + one.Name, one.Value) },
        });

    [Fact]
    public void NamesOfProgramsAreEscaped()
    {
        using RunningProgram program = new Command("python3", "-c", "open('/proc/self/comm', 'wb').write(b'a\"b\\\\c} \\xff,'); print('ready', flush=True); input()").Preloaded().Start().Ready();
        foreach (string format in new[] { "openmetrics", "prometheus" })
        {
            Assert.Contains($"nativemalloc_slabs{{pid=\"{program.Number}\",comm=\"a\\\"b\\\\c}} \ufffd,\"}}", Printed("--format", format).Samples);
        }
    }

    // Prometheus' own tool, where it is installed.
    [Fact]
    public void PrometheusFindsNothingWrong()
    {
        if (!new[] { "/usr/bin/promtool", "/usr/local/bin/promtool" }.Any(File.Exists))
        {
            return;
        }

        using RunningProgram program = TestProgram.Run("served").Preloaded().With("NATIVEMALLOC_LIMIT", "50%").Start().Ready();
        Outcome outcome = Command.Shell($"{Installation.Program} metrics --classes --format prometheus | promtool check metrics").Run().Succeeded();
        Assert.Equal("", outcome.Output + outcome.Error);
        string share = Path.Combine(Installation.Prefix, "share", "nativemalloc");
        new Command("promtool", "check", "rules", Path.Combine(share, "prometheus-rules.yml")).Run().Succeeded();
        new Command("promtool", "test", "rules", Path.Combine(Repository.Root, "tests", "metrics", "rules.yml")).Run().Succeeded();
    }

    // What the dashboard and the rules ask for is there.
    [Theory]
    [InlineData("grafana-dashboard.json")]
    [InlineData("prometheus-rules.yml")]
    public void WhatIsAskedForIsThere(string name)
    {
        string text = File.ReadAllText(Path.Combine(Installation.Prefix, "share", "nativemalloc", name));
        using RunningProgram program = TestProgram.Run("served").Preloaded().With("NATIVEMALLOC_LIMIT", "1G").With("NATIVEMALLOC_SOFT_LIMIT", "500M").Start().Ready();
        Exposition metrics = Printed("--classes");
        string[] names = [.. Regex.Matches(text, @"\bnativemalloc_[a-z_]+").Select(match => match.Value).Distinct()];
        Assert.NotEmpty(names);
        Assert.All(names, one => Assert.Contains(one, metrics.Names));
        string[] states = [.. Regex.Matches(text, @"state=~?\\?""([a-z_|]+)").SelectMany(match => match.Groups[1].Value.Split('|')).Distinct()];
        Assert.All(states, state => Assert.Contains(metrics.Samples.Keys, key => key.Contains($"state=\"{state}\"")));
        if (name.EndsWith(".json"))
        {
            JsonElement[] panels = [.. JsonDocument.Parse(text).RootElement.GetProperty("panels").EnumerateArray()];
            Assert.Equal(panels.Length, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        }
    }

    [Fact]
    public void ItIsServed()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        using Served served = new();
        using HttpClient client = new();
        (HttpStatusCode, string, string) Get(string accept)
        {
            HttpRequestMessage request = new(HttpMethod.Get, served.Address);
            request.Headers.TryAddWithoutValidation("Accept", accept);
            HttpResponseMessage response = client.Send(request);
            string text = response.Content.ReadAsStringAsync().Result;
            bool open = response.Content.Headers.ContentType!.MediaType == "application/openmetrics-text";
            Assert.Contains($"nativemalloc_slabs{{pid=\"{program.Number}\",comm=\"served\"}}", Exposition.Parse(text, open).Samples);
            return (response.StatusCode, response.Content.Headers.ContentType.ToString(), text);
        }

        const string Open = "application/openmetrics-text; version=1.0.0; charset=utf-8", Text = "text/plain; version=0.0.4; charset=utf-8";
        foreach ((string accept, string type) in new[]
        {
            ("*/*", Text), ("text/html,*/*;q=0.8", Text), ("application/openmetrics-text", Open), ("text/plain;version=0.0.4", Text),
            ("application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", Open),
            ("application/openmetrics-text;q=0.1,text/plain;q=0.9", Text), ("application/openmetrics-text;q=0", Text), ("application/openmetrics-text; version=\"1.0.0\"", Open),
        })
        {
            (HttpStatusCode status, string had, _) = Get(accept);
            Assert.Equal((HttpStatusCode.OK, type), (status, had));
        }

        string address = served.Address.Authority;
        string Asked(string request) => served.Ask(request.Replace("\n", "\r\n") + "\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", Asked("GET /metrics HTTP/1.0"));
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", Asked($"GET http://{address}/metrics?x HTTP/1.1\nHost: {address}"));
        Assert.Matches(@"^HTTP/1\.1 200 OK\r\n(?s:.*)\r\nContent-Length: [1-9]\d+\r\n(?s:.*)\r\n\r\n$", Asked("HEAD /metrics HTTP/1.1\nHost: x"));
        Assert.DoesNotContain("nativemalloc_", Asked("HEAD /metrics HTTP/1.1\nHost: x"));
        Assert.StartsWith("HTTP/1.1 404 Not Found\r\n", Asked("GET / HTTP/1.1\nHost: x"));
        Assert.Matches(@"^HTTP/1\.1 405 Method Not Allowed\r\n(?s:.*)\r\nAllow: GET, HEAD\r\n", Asked("POST /metrics HTTP/1.1\nHost: x\nContent-Length: 0"));
        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", Asked("GET /metrics HTTP/1.1"));
        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", Asked("hello"));
        Assert.StartsWith("HTTP/1.1 505 ", Asked("GET /metrics HTTP/2.0\nHost: x"));
        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", served.Ask(new string('x', 16 << 10)));
        Assert.Equal(0, served.Stop());
    }

    // Slow ones are more than are served at once.
    [Fact]
    public async Task SlowClientsAreInNobodysWay()
    {
        using Served served = new();
        List<TcpClient> slow = [.. Enumerable.Range(0, 200).Select(_ => served.Connect("GET /metrics HTTP/1.1\r\n"))];
        string[] texts = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => served.Ask("GET /metrics HTTP/1.0\r\n\r\n"))));
        Assert.All(texts, text => Exposition.Parse(text.Split("\r\n\r\n", 2)[1], open: false));
        slow.ForEach(one => one.Dispose());
        Assert.Equal(0, served.Stop());
    }

    [Fact]
    public void ProcessesMayComeAndGo()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        using Served served = new();
        using RunningProgram others = new Command("bash", "-c", "echo ready; for i in {1..150}; do /bin/true; (exec sleep 0.01) & done; wait").Preloaded().Start().Ready();
        do
        {
            Exposition metrics = Exposition.Parse(served.Ask("GET /metrics HTTP/1.0\r\n\r\n").Split("\r\n\r\n", 2)[1], open: false);
            Assert.Contains($"nativemalloc_slabs{{pid=\"{program.Number}\",comm=\"served\"}}", metrics.Samples);
            double read = metrics.Samples["nativemalloc_scrape_processes{result=\"read\"}"];
            Assert.Equal(read, metrics.Samples.Keys.Count(key => key.StartsWith("nativemalloc_process_info{")));
            Assert.Equal(read, metrics.Samples.Keys.Count(key => key.StartsWith("nativemalloc_process_resident_memory_bytes{")));
        }
        while (Directory.Exists($"/proc/{others.Number}") && !File.ReadAllText($"/proc/{others.Number}/stat").Contains(") Z"));
        Assert.Equal(0, served.Stop());
    }

    [Fact]
    public void FileIsWholeAtAllTimes()
    {
        using RunningProgram program = TestProgram.Run("served").Preloaded().Start().Ready();
        string folder = Repository.NewFolder("metrics"), file = Path.Combine(folder, "nativemalloc.prom");
        new Command(Installation.Program, "metrics", "--textfile", file).Run().Succeeded();
        Assert.Equal([file], Directory.GetFiles(folder));
        Assert.Equal("644\n", new Command("stat", "-c", "%a", file).Run().Succeeded().Output);

        // What is read from the open file stays what it was, though the name has come to mean another one.
        using StreamReader before = new(file);
        HashSet<string> texts = [];
        using RunningProgram writer = new Command(Installation.Program, "metrics", "--textfile", file, "--interval", "1").Start();
        while (texts.Count < 3)
        {
            string text = File.ReadAllText(file);
            Assert.Contains($"nativemalloc_slabs{{pid=\"{program.Number}\",comm=\"served\"}}", Exposition.Parse(text, open: false).Samples);
            texts.Add(text);
        }

        Exposition.Parse(before.ReadToEnd(), open: false);
        new Command("kill", writer.Number.ToString()).Run().Succeeded();
        Assert.Equal(0, writer.Wait());

        Outcome outcome = new Command(Installation.Program, "metrics", "--textfile", "/no/such/folder/a.prom").Run();
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches("^nativemalloc: metrics: .*/no/such/folder.*\n$", outcome.Error);
    }

    [Theory]
    [InlineData(2, "--listen", "here")]
    [InlineData(2, "--listen", "localhost:9000")]
    [InlineData(2, "--listen", "::1")]
    [InlineData(2, "--listen", "70000")]
    [InlineData(1, "--listen", "192.0.2.1:9000")] // nobody's
    [InlineData(2, "--listen", "9000", "--textfile", "a.prom")]
    [InlineData(2, "--listen", "9000", "--format", "prometheus")]
    [InlineData(2, "--interval", "3")]
    [InlineData(2, "--textfile", "a.txt")]
    [InlineData(2, "--textfile", "a.prom", "--interval", "0")]
    [InlineData(2, "--format", "xml")]
    public void MistakesAreNamedInOneLine(int exitCode, params string[] arguments)
    {
        Outcome outcome = new Command(Installation.Program, ["metrics", .. arguments]).Run();
        Assert.Equal((exitCode, ""), (outcome.ExitCode, outcome.Output));
        Assert.Matches($"^nativemalloc: metrics: {arguments[^2]}.*\n$|^nativemalloc: metrics: {arguments[0]}.*\n$", outcome.Error);
    }

    [Theory]
    [InlineData("Required argument missing for option: '--listen'", "--listen")]
    [InlineData("Required argument missing for option: '--textfile'", "--textfile")]
    [InlineData("Option '--listen' expects a single argument but 2 were provided", "--listen", "9000", "--listen", "9001")]
    public void OptionsWantOneValue(string message, params string[] arguments)
    {
        Outcome outcome = new Command(Installation.Program, ["metrics", .. arguments]).Run();
        Assert.Equal((2, "", $"nativemalloc: metrics: {message}; see nativemalloc metrics --help\n"), (outcome.ExitCode, outcome.Output, outcome.Error));
    }

    [Fact]
    public void ManualNamesEachOption()
    {
        string manual = File.ReadAllText(Path.Combine(Installation.Prefix, "share/man/man1/nativemalloc.1")).Replace("\\", "");
        string help = new Command(Installation.Program, "metrics", "--help").Run().Succeeded().Output;
        string[] options = [.. Regex.Matches(help, "--[a-z]+").Select(match => match.Value).Distinct()];
        Assert.Contains("--listen", options);
        Assert.All(options, option => Assert.Contains(option, manual[manual.IndexOf("OPTIONS OF METRICS")..] + "--help"));
    }

    /// <summary>A server on a port that is free.</summary>
    private sealed class Served : IDisposable
    {
        private readonly RunningProgram _program = new Command(Installation.Program, "metrics", "--listen", "0").Start();

        internal Served() => Address = new Uri(Regex.Match(_program.Line(), "^nativemalloc: metrics: at (http://127\\.0\\.0\\.1:\\d+/metrics)$").Groups[1].Value);

        internal Uri Address { get; }

        /// <summary>Says that, and leaves it waiting.</summary>
        internal TcpClient Connect(string request)
        {
            TcpClient client = new(Address.Host, Address.Port);
            client.Client.Send(Encoding.ASCII.GetBytes(request));
            return client;
        }

        /// <summary>All that comes back.</summary>
        internal string Ask(string request)
        {
            using TcpClient client = Connect(request);
            using StreamReader reader = new(client.GetStream());
            return reader.ReadToEnd();
        }

        /// <summary>As systemd does; its exit code.</summary>
        internal int Stop()
        {
            new Command("kill", _program.Number.ToString()).Run().Succeeded();
            return _program.Wait();
        }

        public void Dispose() => _program.Dispose();
    }
}
