using System.Diagnostics;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>What is seen of all processes at one time, as metrics. Each process is read once, and forgotten before the next.</summary>
/// <remarks>The parts by state are those of StatisticsJson, under its names; they add up to what is mapped. A test holds the two together.</remarks>
internal sealed class Metrics
{
    private readonly List<MetricFamily> _families = [];
    private readonly Dictionary<string, MetricFamily> _byName = [];
    private readonly bool _classes;
    private string _process = "";

    private Metrics(bool classes) => _classes = classes;

    /// <summary>Looks at all processes. One thread at a time may.</summary>
    internal static Metrics Read(bool classes)
    {
        Stopwatch watch = Stopwatch.StartNew();
        Metrics metrics = new(classes);
        int read = 0, notInUse = 0, otherBuild = 0, forbidden = 0, failed = 0;
        foreach (int number in HeapProcess.Numbers())
        {
            try
            {
                switch (HeapProcess.Of(number))
                {
                    case null: break;
                    case { Heap: null }: otherBuild++; break;
                    case { Heap.Traits.IsActive: false }: notInUse++; break;
                    case { Process: TargetProcess process, Heap: HeapReader heap }:
                        metrics.Add(process, heap, process.ResidentBytes, ControlGroupOf(process));
                        read++;
                        break;
                }
            }
            catch (NotPermitted)
            {
                forbidden++;
            }
            catch (Refusal)
            {
                failed += Directory.Exists($"/proc/{number}") ? 1 : 0; // else it has ended
            }
        }

        metrics._process = "";
        (string Result, int Count)[] results = [("read", read), ("not_in_use", notInUse), ("other_build", otherBuild), ("forbidden", forbidden), ("failed", failed)];
        foreach ((string result, int count) in results)
        {
            metrics.Gauge("nativemalloc_scrape_processes", "", "Processes by what this look at them came to; of forbidden ones it is not known whether they run on NativeMalloc.",
                count, MetricFamily.Label("result", result));
        }

        metrics.Gauge("nativemalloc_scrape_duration_seconds", "seconds", "Time that this look at all processes took.", (decimal)watch.Elapsed.TotalSeconds);
        return metrics;
    }

    internal string Write(MetricsFormat format)
    {
        StringBuilder output = new();
        foreach (MetricFamily family in _families)
        {
            family.Write(output, format);
        }

        return output.Append(format == MetricsFormat.OpenMetrics ? "# EOF\n" : "").ToString();
    }

    private void Add(TargetProcess process, HeapReader heap, ulong resident, string controlGroup)
    {
        _process = MetricFamily.Label("pid", process.Number.ToString()) + "," + MetricFamily.Label("comm", process.Name);
        HeapTraits traits = heap.Traits;
        string[] about =
        [
            MetricFamily.Label("cgroup", controlGroup),
            MetricFamily.Label("version", Layout.Version),
            MetricFamily.Label("front_end", Text(traits.FrontEndName)),
            MetricFamily.Label("rseq", Text(traits.FrontEnd.RseqName)),
            MetricFamily.Label("index", Text(traits.FrontEnd.IndexName)),
        ];
        Family("nativemalloc_process", MetricType.Info, "", "Processes that run on NativeMalloc, and how it works in them.").Add(_process + "," + string.Join(",", about), 1);
        AddBytes(heap.Statistics);
        Gauge("nativemalloc_process_resident_memory_bytes", "bytes", "Memory of the whole process, as the kernel counts it.", resident);
        AddLimits(traits.Limits);
        AddCounts(heap.Statistics);
        Gauge("nativemalloc_sample_interval_bytes", "bytes", "Bytes from one sample for profiles to the next, on average; 0 if none are taken.", traits.SampleMean);
        Gauge("nativemalloc_release_works", "", "1: memory goes back to the kernel. 0: the kernel says that it takes it, and does not.", traits.ReleaseIsBroken ? 0 : 1);
        for (nuint sizeClass = 1; _classes && sizeClass < SizeClasses.Count; sizeClass++)
        {
            AddClass(SizeClasses.Size(sizeClass), heap.Class(sizeClass));
        }
    }

    private void AddBytes(HeapStatistics all)
    {
        (string State, nuint Bytes)[] states =
        [
            ("in_use", all.InUse), ("front_end", all.FrontEnd), ("transfer", all.Transfer), ("central", all.Central), ("span_tails", all.SpanTails),
            ("page_heap_free", all.Free), ("released", all.Released), ("metadata", all.Metadata),
        ];
        foreach ((string state, nuint bytes) in states)
        {
            Gauge("nativemalloc_heap_bytes", "bytes",
                "Addresses of the heap by what is there: in use by the program, cached in the front end or for transfer, free in spans (central, span_tails), free pages, released to the kernel, own structures.",
                bytes, MetricFamily.Label("state", state));
        }

        Gauge("nativemalloc_heap_mapped_bytes", "bytes", "All addresses that the heap has: the sum of nativemalloc_heap_bytes.", all.Mapped);
        Gauge("nativemalloc_heap_in_use_large_bytes", "bytes", "Of what is in use, in blocks that are spans of their own.", all.InUseLarge);
        Gauge("nativemalloc_heap_internal_waste_bytes", "bytes", "Of what is in use, added by rounding up: an estimate.", all.InternalWaste);
        Gauge("nativemalloc_heap_released_in_spans_bytes", "bytes", "Of what is released, in spans.", all.ReleasedInSpans);
        Gauge("nativemalloc_heap_metadata_touched_bytes", "bytes", "Of the allocator's own structures, what was ever touched.", all.MetadataTouched);
        Gauge("nativemalloc_heap_remnants_bytes", "bytes", "In spans that hold blocks of all sizes.", all.Remnants);
        Gauge("nativemalloc_heap_remnants_used_bytes", "bytes", "Of remnants, in use or cached.", all.UsedInRemnants);
        Gauge("nativemalloc_heap_uncertain_bytes", "bytes", "By how much what was read did not add up, since the process ran meanwhile.", all.Mended);
    }

    // Only what there is.
    private void AddLimits(in Limits limits)
    {
        Limit("limit", "more fails", limits.Limit, limits.LimitPercent);
        Limit("soft_limit", "above it what is free goes back sooner", limits.SoftLimit, limits.SoftLimitPercent);
        if (limits.Of != 0)
        {
            Gauge("nativemalloc_heap_limit_base_bytes", "bytes", "What limits that are ratios are of: the control group's memory, or the machine's.", limits.Of);
        }

        void Limit(string name, string meaning, ulong bytes, uint percent)
        {
            if (bytes != Limits.None)
            {
                Gauge($"nativemalloc_heap_{name}_bytes", "bytes", $"NATIVEMALLOC_{name.ToUpperInvariant()}: {meaning}.", bytes);
            }

            if (percent != 0)
            {
                Gauge($"nativemalloc_heap_{name}_ratio", "ratio", $"NATIVEMALLOC_{name.ToUpperInvariant()}, where it was given as a part of what the control group may have.", percent / 100m);
            }
        }
    }

    private void AddCounts(HeapStatistics all)
    {
        Counter("nativemalloc_allocated_bytes", "bytes", "Bytes that the program has asked for.", all.Allocated);
        const string Misses = "Calls that the front end's caches did not serve.";
        Counter("nativemalloc_cache_misses", "", Misses, all.Underflows, MetricFamily.Label("operation", "allocate"));
        Counter("nativemalloc_cache_misses", "", Misses, all.Overflows, MetricFamily.Label("operation", "free"));
        Gauge("nativemalloc_slabs", "", "Caches of CPUs or threads that are in use.", all.Slabs);
        Counter("nativemalloc_slabs_made", "", "Caches of CPUs or threads that were ever made.", all.SlabsMade);
    }

    // One that was never used is left out.
    private void AddClass(nuint bytes, ClassStatistics one)
    {
        if (!one.IsUsed)
        {
            return;
        }

        string size = MetricFamily.Label("size", bytes.ToString());
        (string State, nint Objects)[] states = [("live", one.Live), ("front_end", one.InFrontEnd), ("transfer", one.InTransfer), ("central", one.InCentral)];
        foreach ((string state, nint objects) in states)
        {
            Gauge("nativemalloc_class_bytes", "bytes", "Blocks of a size class, by where they are: live ones are in use.", objects * (decimal)bytes, size + "," + MetricFamily.Label("state", state));
        }

        Gauge("nativemalloc_class_spans", "", "Spans of a size class.", one.Spans, size);
        Gauge("nativemalloc_class_released_bytes", "bytes", "In spans of a size class, released to the kernel.", one.Released, size);
        const string Misses = "Calls for a size class that the front end's caches did not serve.";
        Counter("nativemalloc_class_cache_misses", "", Misses, one.Underflows, size + "," + MetricFamily.Label("operation", "allocate"));
        Counter("nativemalloc_class_cache_misses", "", Misses, one.Overflows, size + "," + MetricFamily.Label("operation", "free"));
        const string Transfers = "Requests to the transfer cache of a size class.";
        Counter("nativemalloc_class_transfers", "", Transfers, one.TransferHits, size + "," + MetricFamily.Label("result", "hit"));
        Counter("nativemalloc_class_transfers", "", Transfers, one.TransferMisses, size + "," + MetricFamily.Label("result", "miss"));
    }

    private void Gauge(string name, string unit, string help, decimal value, string labels = "") => Add(name, MetricType.Gauge, unit, help, value, labels);

    private void Counter(string name, string unit, string help, decimal value, string labels = "") => Add(name, MetricType.Counter, unit, help, value, labels);

    private void Add(string name, MetricType type, string unit, string help, decimal value, string labels) =>
        Family(name, type, unit, help).Add(_process == "" || labels == "" ? _process + labels : _process + "," + labels, value);

    private MetricFamily Family(string name, MetricType type, string unit, string help)
    {
        if (!_byName.TryGetValue(name, out MetricFamily? family))
        {
            _families.Add(family = _byName[name] = new MetricFamily(name, type, unit, help));
        }

        return family;
    }

    // In version 2 there is one; in version 1 the one that systemd made says most. A kernel may have none.
    private static string ControlGroupOf(TargetProcess process)
    {
        if (!File.Exists(process.Folder + "/cgroup"))
        {
            return "";
        }

        string[] groups = process.ReadFile("cgroup").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string? line = groups.FirstOrDefault(group => group.Contains(":name=systemd:")) ?? groups.FirstOrDefault(group => group.StartsWith("0::"));
        return line == null ? "" : line[(line.IndexOf(':', line.IndexOf(':') + 1) + 1)..];
    }

    private static string Text(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text);
}
