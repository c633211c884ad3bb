using System.Globalization;
using System.Text;
using System.Text.Json;

namespace NativeMalloc.Inspect;

/// <summary>A heap as a process wrote it to a file (NATIVEMALLOC_STATS=json:PATH).</summary>
internal sealed unsafe class HeapFile : HeapView
{
    private readonly JsonElement _root;
    private readonly (nuint Size, ClassStatistics Counts)[] _classes;
    private readonly byte[] _version;
    private readonly byte[] _source;

    private HeapFile(string text, JsonElement root)
    {
        Text = text;
        _root = root;
        Number = root.GetProperty("pid").GetInt32();
        _classes = [.. root.GetProperty("classes").EnumerateArray().Select(ReadClass)];
        _version = HeapReader.Pinned(Encoding.UTF8.GetBytes(root.GetProperty("version").GetString()!));
        JsonElement limits = root.GetProperty("limits");
        _source = HeapReader.Pinned(Encoding.UTF8.GetBytes(limits.GetProperty("by").GetString() ?? ""));
        Traits = ReadTraits(limits);
        Statistics = ReadStatistics();
        HugePages = [.. root.GetProperty("huge_pages").EnumerateArray().SelectMany(ReadRow)];
    }

    /// <summary>The file, as it is.</summary>
    internal string Text { get; }

    internal override int Number { get; }

    internal override IReadOnlyList<HugePageUse> HugePages { get; }

    /// <summary>Its size classes are those of this version.</summary>
    internal bool HasTheseClasses =>
        _classes.Length == SizeClasses.Count - 1 && _classes.Select((one, i) => one.Size == SizeClasses.Size((nuint)i + 1)).All(same => same);

    internal static HeapFile Read(string path)
    {
        string text = File.ReadAllText(FilePath.OrNumber(path));
        try
        {
            return new HeapFile(text, JsonDocument.Parse(text).RootElement);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            throw new Refusal($"{path}: not the JSON that --stats=json: writes when a process ends");
        }
    }

    internal override ClassStatistics Class(nuint sizeClass) => _classes[(int)sizeClass - 1].Counts;

    private HeapTraits ReadTraits(JsonElement limits)
    {
        FrontEndChoice choice = default;
        for (choice.Owner = RseqOwner.Shared; choice.Owner > RseqOwner.Unavailable && !Is("rseq", choice.RseqName); choice.Owner--)
        {
        }

        for (choice.Index = RseqIndex.MmCid; choice.Index > RseqIndex.None && !Is("index", choice.IndexName); choice.Index--)
        {
        }

        return new HeapTraits
        {
            Version = HeapReader.AddressOf(_version),
            IsActive = _root.GetProperty("active").GetBoolean(),
            Checks = Is("front_end", new HeapTraits { Checks = true }.FrontEndName),
            ReleaseIsBroken = !_root.GetProperty("memory_goes_back").GetBoolean(),
            FrontEnd = choice,
            SampleMean = WordOr(_root, "sample", 0),
            Limits = new Limits
            {
                Limit = WordOr(limits, "limit", Limits.None),
                LimitPercent = (uint)WordOr(limits, "limit_percent", 0),
                SoftLimit = WordOr(limits, "soft_limit", Limits.None),
                SoftLimitPercent = (uint)WordOr(limits, "soft_limit_percent", 0),
                Of = (nint)WordOr(limits, "of", 0),
                Source = HeapReader.AddressOf(_source),
            },
        };
    }

    private HeapStatistics ReadStatistics()
    {
        JsonElement bytes = _root.GetProperty("bytes"), slow = _root.GetProperty("slow_path"), remnants = _root.GetProperty("remnants");
        return new HeapStatistics
        {
            InUse = Size(bytes, "in_use"),
            InUseLarge = Size(bytes, "in_use_large"),
            InternalWaste = Size(bytes, "internal_waste"),
            FrontEnd = Size(bytes, "front_end"),
            Transfer = Size(bytes, "transfer"),
            Central = Size(bytes, "central"),
            SpanTails = Size(bytes, "span_tails"),
            Free = Size(bytes, "page_heap_free"),
            Released = Size(bytes, "released"),
            ReleasedInSpans = Size(bytes, "released_in_spans"),
            Metadata = Size(bytes, "metadata"),
            MetadataTouched = Size(bytes, "metadata_touched"),
            Mapped = Size(bytes, "mapped"),
            Remnants = Size(remnants, "bytes"),
            UsedInRemnants = Size(remnants, "used"),
            Slabs = (int)Word(_root, "slabs"),
            SlabsMade = (int)Word(_root, "slabs_made"),
            Underflows = Word(slow, "allocations"),
            Overflows = Word(slow, "frees"),
            Allocated = Size(_root, "allocated"),
        };
    }

    private static (nuint Size, ClassStatistics Counts) ReadClass(JsonElement one) => (Size(one, "size"), new ClassStatistics
    {
        Live = (nint)Word(one, "live"),
        InFrontEnd = (nint)Word(one, "front_end"),
        InTransfer = (nint)Word(one, "transfer"),
        InCentral = (nint)Word(one, "central"),
        Spans = (nint)Word(one, "spans"),
        Released = Size(one, "released"),
        Underflows = Word(one, "allocation_misses"),
        Overflows = Word(one, "free_misses"),
        TransferHits = Word(one, "transfer_hits"),
        TransferMisses = Word(one, "transfer_misses"),
    });

    // Those of a row of addresses.
    private static IEnumerable<HugePageUse> ReadRow(JsonElement row)
    {
        nuint start = nuint.Parse(row.GetProperty("start").GetString()!.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        JsonElement numbers = row.GetProperty("used_released");
        for (int i = 0; i + 1 < numbers.GetArrayLength(); i += 2, start += PageMap.HugePageSize)
        {
            int used = numbers[i].GetInt32(), released = numbers[i + 1].GetInt32();
            if (used < 0 || released < 0 || used > HugePageUse.Pages - released)
            {
                throw new FormatException("a huge page has fewer pages");
            }

            yield return new HugePageUse(start, used, released);
        }
    }

    private bool Is(string name, ReadOnlySpan<byte> text) => _root.GetProperty(name).ValueEquals(text);

    private static long Word(JsonElement element, string name) => element.GetProperty(name).GetInt64();

    private static nuint Size(JsonElement element, string name) => (nuint)element.GetProperty(name).GetUInt64();

    // What may be null.
    private static ulong WordOr(JsonElement element, string name, ulong otherwise) =>
        element.GetProperty(name) is { ValueKind: not JsonValueKind.Null } value ? value.GetUInt64() : otherwise;
}
