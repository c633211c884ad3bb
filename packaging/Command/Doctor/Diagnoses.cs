using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>What the readings of some seconds, and what the kernel says, come to in words. Each says by which numbers.</summary>
internal sealed class Diagnoses(HeapReader reader, List<Reading> readings, HeapResidence residence)
{
    /// <summary>What is worth a word: so large a part of what is resident, or of what the heap holds, if that is more.</summary>
    private const double Part = 1 / 20.0;

    /// <summary>Size classes that are named.</summary>
    private const int MostClasses = 3;

    private const string Growing = "growing";

    private readonly List<Diagnosis> _all = [];

    /// <summary>From the first reading to the last.</summary>
    internal double Seconds => Last.Seconds - First.Seconds;

    private Reading First => readings[0];

    private Reading Last => readings[^1];

    private HeapStatistics Heap => Last.Heap;

    /// <summary>Bytes that the heap holds memory for.</summary>
    private double Held => Heap.InUse + Heap.Idle;

    /// <summary>All of the process's memory, the heap's and others'.</summary>
    private double All => Math.Max(Held, (double)residence.Resident + residence.Elsewhere);

    /// <summary>All that apply: growth first, then those about most memory.</summary>
    internal IEnumerable<Diagnosis> Find()
    {
        FindGrowth();
        FindLargeBlocks();
        FindCaches();
        FindFreeInSpans();
        FindFreePages();
        FindLimits();
        FindShared();
        FindHugePages();
        FindElsewhere();
        return _all.OrderByDescending(one => one.Name == Growing).ThenByDescending(one => one.Bytes);
    }

    // Up in all steps but one, at least, and by more than the numbers are uncertain by.
    private void FindGrowth()
    {
        double grown = (double)Heap.InUse - First.Heap.InUse;
        int steps = readings.Count - 1;
        int up = Enumerable.Range(0, steps).Count(i => readings[i + 1].Heap.InUse > readings[i].Heap.InUse);
        if (up < steps - 1 || grown <= Heap.Mapped / 1000.0)
        {
            return;
        }

        StringBuilder text = new($"in use grew by {Size(grown)} in {Seconds:0.#} s, {Size(grown / Seconds)} a second, in {up} of {steps} steps: a leak, or work that is not done yet.");
        double large = (double)Heap.InUseLarge - First.Heap.InUseLarge;
        string[] classes = [.. Largest(sizeClass => Last.LiveBytes(sizeClass) - First.LiveBytes(sizeClass), grown)
            .Select(one => $"{Size(one.Bytes)} in blocks of {SizeClasses.Size((nuint)one.SizeClass)} bytes"), .. large > grown * Part ? [$"{Size(large)} in large blocks"] : Array.Empty<string>()];
        text.Append(classes.Length > 0 ? $" Of it {string.Join(", ", classes)}." : "");
        text.Append(reader.Traits.SampleMean != 0
            ? $" Samples are taken: 'nativemalloc profile {reader.Number}' says by whom all of it was allocated."
            : $" 'nativemalloc profile {reader.Number} --seconds 60' says by whom what comes from now on is.");
        _all.Add(new Diagnosis(Growing, grown, text.ToString()));
    }

    private void FindLargeBlocks()
    {
        if (Heap.InUseLarge < All * Part)
        {
            return;
        }

        LargeBlock[] blocks = [.. reader.LargeBlocks().OrderByDescending(block => block.Bytes)];
        string largest = blocks.Length == 0 ? "" : $", {(blocks.Length == 1 ? "" : "the largest ")}of {Size(blocks[0].Bytes)} at 0x{blocks[0].Address:x}";
        _all.Add(new Diagnosis("large blocks", Heap.InUseLarge, $"{Size(Heap.InUseLarge)} of what is in use are {Count(blocks.Length, "large block")}{largest}. "
            + "They go back to the kernel when the program frees them."));
    }

    // Slabs that nothing came to or left, since the first reading. A CPU's may be one that the process does not run on any more.
    private void FindCaches()
    {
        double cached = (double)Heap.FrontEnd + Heap.Transfer;
        if (cached < All * Part)
        {
            return;
        }

        Dictionary<nuint, SlabUse> before = First.Slabs.ToDictionary(slab => slab.Address);
        SlabUse[] asleep = [.. Last.Slabs.Where(slab => slab.Bytes > 0 && before.TryGetValue(slab.Address, out SlabUse then) && then == slab)];
        double sleeping = asleep.Sum(slab => (double)slab.Bytes);
        bool perThread = reader.Traits.FrontEnd.IsPerThread;
        string owners = perThread ? "threads" : "CPUs";
        string text = $"{Size(cached)} are in caches: {Size(Heap.FrontEnd)} in {Count(Heap.Slabs, "slab")} of {owners}, {Size(Heap.Transfer)} in transfer caches.";
        if (sleeping > cached * Part)
        {
            text += $" {Size(sleeping)} of it lie in {Count(asleep.Length, "slab")} that nothing changed while this looked"
                + (perThread ? ": their threads sleep." : ".");
        }

        // Nobody but its thread can touch a thread's slab.
        text += perThread
            ? " What a thread's slab holds goes when the thread comes to a slow path again, or ends. Caches are the threads' where there is no rseq, or NATIVEMALLOC_INDEX=thread: the CPUs' hold less."
            : " As the program goes on allocating, what lies untouched in them goes down the tiers; in one that does nothing NATIVEMALLOC_RELEASE_THREAD=1 has it go, and so does malloc_trim.";
        _all.Add(new Diagnosis(sleeping > cached / 2 && perThread ? "sleeping threads" : "caches", cached, text));
    }

    // Where one class has most of it, it is that class's survivors; else those of all sizes.
    private void FindFreeInSpans()
    {
        double free = (double)Heap.Central + Heap.SpanTails;
        if (free < All * Part)
        {
            return;
        }

        (int SizeClass, double Bytes)[] classes = Largest(Last.FreeBytes, free);
        StringBuilder text = new($"{Size(free)} are free in spans, beside blocks in use or in caches, and wait for blocks of the same size.");
        foreach ((int sizeClass, double bytes) in classes)
        {
            ClassStatistics one = Last.Classes[sizeClass];
            double full = 100.0 * one.Live / Math.Max(1, (double)one.Spans * SizeClasses.ObjectsPerSpan((nuint)sizeClass));
            text.Append($" {Size(bytes)} of it in {Count((int)one.Spans, "span")} of blocks of {SizeClasses.Size((nuint)sizeClass)} bytes, {full:0} % in use.");
        }

        text.Append(" Pages of the kernel's that no block touches go back when they have lain idle; the rest when the blocks beside it are freed."
            + (reader.Traits.SampleMean != 0
                ? $" 'nativemalloc profile {reader.Number} --value held' says whose these are, as far as they are samples."
                : " Started with NATIVEMALLOC_SAMPLE=512K, 'nativemalloc profile' with '--value held' would say whose these are."));
        bool isOne = classes.Length > 0 && classes[0].Bytes > free / 2;
        _all.Add(new Diagnosis(isOne ? $"spans of {SizeClasses.Size((nuint)classes[0].SizeClass)} bytes" : "spans", free, text.ToString()));
    }

    private void FindFreePages()
    {
        if (Heap.Free < All * Part)
        {
            return;
        }

        HugePageTotals beside = HugePageTotals.Of(reader.HugePages.Where(one => one.Used > 0));
        double strewn = Math.Min(Heap.Free, (double)beside.Free * PageMap.PageSize);
        bool falls = Heap.Free < First.Heap.Free;
        _all.Add(new Diagnosis("free pages", Heap.Free, $"{Size(Heap.Free)} are free pages, {Size(strewn)} of them in huge pages beside some in use ({Count(beside.Partly, "huge page")} used in part)"
            + $"; they {(falls ? "became fewer" : "did not become fewer")} while this looked."
            + " Those that the program does not take again go back as it allocates and frees, 1.5 s after that by default (NATIVEMALLOC_RELEASE_DELAY);"
            + " where it does nothing, by NATIVEMALLOC_RELEASE_THREAD=1, or by malloc_trim."));
    }

    private void FindLimits()
    {
        double inSpans = Held - Heap.Free;
        Limits limits = reader.Traits.Limits;
        if (limits.SoftLimit != Limits.None && inSpans > limits.SoftLimit)
        {
            _all.Add(new Diagnosis("soft limit", inSpans, $"{Size(inSpans)} are in spans, more than the soft limit of {Size(limits.SoftLimit)}: nothing that is free is kept,"
                + " and the caches are emptied as the heap grows, which costs time. A higher NATIVEMALLOC_SOFT_LIMIT ends that; what is in use does not become less by it."));
        }

        if (limits.Limit != Limits.None && inSpans + Heap.MetadataTouched > limits.Limit * (1 - Part))
        {
            _all.Add(new Diagnosis("limit", inSpans, $"{Size(inSpans + Heap.MetadataTouched)} are in spans and structures, and the limit is {Size(limits.Limit)}:"
                + " beyond it malloc fails (NATIVEMALLOC_LIMIT)."));
        }
    }

    private void FindShared()
    {
        if (residence.Shared > Math.Max(residence.Resident, Held) * Part)
        {
            _all.Add(new Diagnosis("forked", residence.Shared, $"{Size(residence.Shared)} of the heap's {Size(residence.Resident)} of memory are shared with the process that forked it,"
                + " or those that it forked. They are counted in each, and are there once, until one of them writes there."));
        }
    }

    // More than it knows of: addresses that it gave back, or never touched, and the kernel has filled.
    private void FindHugePages()
    {
        double more = residence.Resident - Held - Heap.Metadata;
        if (more > Held * Part)
        {
            _all.Add(new Diagnosis("huge pages", more, $"{Size(more)} more are resident than the heap uses or keeps: the kernel has filled huge pages ({Size(residence.InHugePages)} of the heap's memory) around it,"
                + " or is not allowed to take pages back (mlockall). NATIVEMALLOC_HUGE_PAGES=never advises against huge pages."));
        }
    }

    // Most of the process's memory, and so what it has of malloc explains little.
    private void FindElsewhere()
    {
        double other = Math.Max(0, residence.Elsewhere - (double)Heap.MetadataTouched);
        if (other > All / 2)
        {
            double files = Math.Min(other, residence.ElsewhereOfFiles);
            _all.Add(new Diagnosis("elsewhere", other, $"{Size(other)} of {Size(All)} that are resident are not malloc's: {Size(files)} of files and shared memory, {Size(other - files)} that the program"
                + " has mapped itself, such as stacks, or the heap of a language that collects garbage. No option of NativeMalloc's changes them."));
        }
    }

    // Those classes that have the most of something, each a fair part of it.
    private (int SizeClass, double Bytes)[] Largest(Func<int, double> bytes, double all) =>
        [.. Enumerable.Range(1, (int)SizeClasses.Count - 1).Select(sizeClass => (SizeClass: sizeClass, Bytes: bytes(sizeClass)))
            .Where(one => one.Bytes > all * Part).OrderByDescending(one => one.Bytes).Take(MostClasses)];

    private static string Size(double bytes) => SizeText.Of(bytes);

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";
}
