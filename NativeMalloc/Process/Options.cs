using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>What NATIVEMALLOC_INDEX asks for.</summary>
internal enum IndexChoice
{
    Best,
    MmCid,
    CpuId,
    Thread,
}

/// <summary>What NATIVEMALLOC_HUGE_PAGES asks for.</summary>
internal enum HugePageChoice
{
    Auto,
    Never,
    Always,
}

/// <summary>What NATIVEMALLOC_STATS asks for.</summary>
internal enum StatisticsChoice
{
    None,
    Text,
    Json,
}

/// <summary>
/// The options, from the environment: NATIVEMALLOC_INDEX and the others that <see cref="ReadOne"/> knows. Ignored in a program that
/// runs with another user's rights (AT_SECURE). What is not understood is named in one line, and the default holds.
/// </summary>
internal static unsafe class Options
{
    private const nuint AtSecure = 23;

    private const uint DefaultReleaseDelay = 250;
    private const uint MaxReleaseDelay = 24 * 3600 * 1000;
    private const uint DefaultReleaseRate = 100;

    internal const ulong NoLimit = NativeMalloc.Limits.None;

    private static Limits s_limits = new() { Limit = NoLimit, SoftLimit = NoLimit };

    private static ulong s_sample = NoLimit;

    internal static IndexChoice Index { get; private set; }

    internal static StatisticsChoice Statistics { get; private set; }

    internal static bool Verbose { get; private set; }

    /// <summary>Checking mode (see <see cref="Checked"/>).</summary>
    internal static bool Check { get; private set; }

    /// <summary>How long memory lies idle, in milliseconds, before it moves a tier down or goes back to the kernel.</summary>
    internal static uint ReleaseDelay { get; private set; } = DefaultReleaseDelay;

    /// <summary>The share of what lies idle that goes back each time, in percent.</summary>
    internal static uint ReleaseRate { get; private set; } = DefaultReleaseRate;

    /// <summary>The most bytes that the heap may hold, with the allocator's own structures; what is above fails.</summary>
    internal static ulong Limit
    {
        get => s_limits.Limit;
        private set => s_limits.Limit = value;
    }

    /// <summary>Above so many bytes the caches are emptied as the heap grows, and free memory goes back to the kernel at once.</summary>
    internal static ulong SoftLimit
    {
        get => s_limits.SoftLimit;
        private set => s_limits.SoftLimit = value;
    }

    /// <summary>The limits as percentages, 0 where there is none; until it is known of what, there is no limit (<see cref="RelativeLimits"/>).</summary>
    internal static uint LimitPercent
    {
        get => s_limits.LimitPercent;
        private set => s_limits.LimitPercent = value;
    }

    internal static uint SoftLimitPercent
    {
        get => s_limits.SoftLimitPercent;
        private set => s_limits.SoftLimitPercent = value;
    }

    /// <summary>The limits, for reports.</summary>
    internal static Limits* Limits => (Limits*)Unsafe.AsPointer(ref s_limits);

    internal static bool AnyPercent => (LimitPercent | SoftLimitPercent) != 0;

    /// <summary>Profiles are to be written: what of, and where, says <see cref="ProfileRequest"/>.</summary>
    internal static bool Profile { get; private set; }

    /// <summary>What leaks is to be listed at the end (<see cref="LeakReport"/>). In checking mode each block is a sample then.</summary>
    internal static bool Leaks => Profile && (ProfileRequest.Words & ProfileWords.Leaks) != 0;

    /// <summary>What the kernel is to be advised on huge pages (see <see cref="HugePageAdvice"/>).</summary>
    internal static HugePageChoice HugePages { get; private set; }

    /// <summary>Bytes from one sample to the next on average (see <see cref="Sampler"/>); 0: there are none.</summary>
    internal static ulong Sample => s_sample != NoLimit ? s_sample : !Profile ? 0 : Check && Leaks ? Exponential.EachBlock : Sampler.UsualMean;

    /// <summary>The kernel is to know what the mappings are (see <see cref="MappingNames"/>).</summary>
    internal static bool Names { get; private set; }

    /// <summary>A thread is to give memory back.</summary>
    internal static bool ReleaseThread { get; private set; }

    internal static void Read(byte** environment)
    {
        if (environment == null || Shim.AuxiliaryValue(AtSecure) != 0)
        {
            return;
        }

        for (; *environment != null; environment++)
        {
            byte* name = *environment;
            byte* rest = After(name, "NATIVEMALLOC_"u8);
            if (rest != null && !ReadOne(rest))
            {
                Complain(name);
            }
        }
    }

    private static bool ReadOne(byte* option)
    {
        byte* value;
        if ((value = After(option, "INDEX="u8)) != null)
        {
            return ReadIndex(value);
        }

        if ((value = After(option, "STATS="u8)) != null)
        {
            return ReadStatistics(value);
        }

        if ((value = After(option, "CHECK="u8)) != null)
        {
            Check = Is(value, "1"u8);
            return Check || Is(value, "0"u8) || *value == 0;
        }

        if ((value = After(option, "VERBOSE="u8)) != null)
        {
            Verbose = Is(value, "1"u8);
            return Verbose || Is(value, "0"u8) || *value == 0;
        }

        if ((value = After(option, "RELEASE_THREAD="u8)) != null)
        {
            ReleaseThread = Is(value, "1"u8);
            return ReleaseThread || Is(value, "0"u8) || *value == 0;
        }

        if ((value = After(option, "NAMES="u8)) != null)
        {
            Names = Is(value, "1"u8);
            return Names || Is(value, "0"u8) || *value == 0;
        }

        if ((value = After(option, "HUGE_PAGES="u8)) != null)
        {
            HugePages = Is(value, "never"u8) ? HugePageChoice.Never : Is(value, "always"u8) ? HugePageChoice.Always : HugePageChoice.Auto;
            return HugePages != HugePageChoice.Auto || Is(value, "auto"u8) || *value == 0;
        }

        if ((value = After(option, "RELEASE_DELAY="u8)) != null)
        {
            ReleaseDelay = ReadNumber(value, 0, MaxReleaseDelay, DefaultReleaseDelay, out bool valid);
            return valid;
        }

        if ((value = After(option, "RELEASE_RATE="u8)) != null)
        {
            ReleaseRate = ReadNumber(value, 1, 100, DefaultReleaseRate, out bool valid);
            return valid;
        }

        if ((value = After(option, "PROFILE="u8)) != null)
        {
            Profile = *value != 0 && ProfileRequest.Set(value);
            return Profile || *value == 0;
        }

        if ((value = After(option, "SAMPLE="u8)) != null)
        {
            ulong mean = ReadLimit(value, out uint percent, out bool valid);
            valid &= percent == 0 && (mean <= Exponential.MostMean || mean == NoLimit);
            s_sample = valid ? mean : NoLimit;
            return valid;
        }

        if ((value = After(option, "LIMIT="u8)) != null)
        {
            Limit = ReadLimit(value, out uint percent, out bool valid);
            LimitPercent = percent;
            return valid;
        }

        if ((value = After(option, "SOFT_LIMIT="u8)) != null)
        {
            SoftLimit = ReadLimit(value, out uint percent, out bool valid);
            SoftLimitPercent = percent;
            return valid;
        }

        return false;
    }

    /// <summary>Percentages are of so many bytes from now on.</summary>
    internal static void SetPercentagesOf(ulong bytes)
    {
        Limit = LimitPercent != 0 ? PartOf(bytes, LimitPercent) : Limit;
        SoftLimit = SoftLimitPercent != 0 ? PartOf(bytes, SoftLimitPercent) : SoftLimit;
    }

    private static ulong PartOf(ulong bytes, uint percent) => bytes == NoLimit ? NoLimit : bytes / 100 * percent + bytes % 100 * percent / 100;

    // A number of bytes, or with K, M or G behind it of 2^10, 2^20, 2^30 of them, or a percentage of 1 to 100. No limit where the text is
    // empty, and where it is something else, which is not valid.
    private static ulong ReadLimit(byte* text, out uint percent, out bool valid)
    {
        percent = 0;
        const ulong Most = 1UL << 47; // more than there are addresses
        ulong number = 0;
        valid = *text is 0 or (>= (byte)'0' and <= (byte)'9');
        bool empty = *text == 0;
        for (; *text is >= (byte)'0' and <= (byte)'9' && number < Most; text++)
        {
            number = number * 10 + *text - '0';
        }

        if (text[0] == '%' && text[1] == 0)
        {
            valid = number is > 0 and <= 100;
            percent = valid ? (uint)number : 0;
            return NoLimit;
        }

        int shift = *text switch
        {
            (byte)'K' => 10,
            (byte)'M' => 20,
            (byte)'G' => 30,
            _ => 0,
        };
        valid = valid && text[shift != 0 ? 1 : 0] == 0 && number < Most >> shift;
        return valid && !empty ? number << shift : NoLimit;
    }

    // The default where the text is empty, and where it is no number within the bounds, which is not valid.
    private static uint ReadNumber(byte* text, uint least, uint most, uint otherwise, out bool valid)
    {
        valid = true;
        if (*text == 0)
        {
            return otherwise;
        }

        uint number = 0;
        for (; *text != 0 && valid; text++)
        {
            number = number * 10 + (uint)(*text - '0');
            valid = *text is >= (byte)'0' and <= (byte)'9' && number <= most;
        }

        valid = valid && number >= least;
        return valid ? number : otherwise;
    }

    private static bool ReadIndex(byte* value)
    {
        if (Is(value, "mm_cid"u8))
        {
            Index = IndexChoice.MmCid;
        }
        else if (Is(value, "cpu_id"u8))
        {
            Index = IndexChoice.CpuId;
        }
        else if (Is(value, "thread"u8))
        {
            Index = IndexChoice.Thread;
        }
        else
        {
            return *value == 0;
        }

        return true;
    }

    private static bool ReadStatistics(byte* value)
    {
        byte* path = After(value, "json:"u8);
        if (path != null && *path != 0)
        {
            if (StatisticsPath.Set(path))
            {
                Statistics = StatisticsChoice.Json;
            }
            else
            {
                ComplainOfPath();
            }

            return true;
        }

        if (Is(value, "1"u8))
        {
            Statistics = StatisticsChoice.Text;
            return true;
        }

        return Is(value, "0"u8) || *value == 0;
    }

    /// <summary>Writes the value of an option, as it was understood; false if there is no such option.</summary>
    internal static bool WriteValue(byte* name, ref Output output)
    {
        if (Is(name, "index"u8))
        {
            output.Text(Index switch
            {
                IndexChoice.MmCid => "mm_cid"u8,
                IndexChoice.CpuId => "cpu_id"u8,
                IndexChoice.Thread => "thread"u8,
                _ => ""u8,
            });
        }
        else if (Is(name, "stats"u8))
        {
            output.Text(Statistics switch
            {
                StatisticsChoice.Text => "1"u8,
                StatisticsChoice.Json => "json:"u8,
                _ => "0"u8,
            });
            if (Statistics == StatisticsChoice.Json)
            {
                output.Text(StatisticsPath.Given);
            }
        }
        else if (Is(name, "check"u8))
        {
            output.Text(Check ? "1"u8 : "0"u8);
        }
        else if (Is(name, "huge_pages"u8))
        {
            output.Text(HugePages switch
            {
                HugePageChoice.Never => "never"u8,
                HugePageChoice.Always => "always"u8,
                _ => "auto"u8,
            });
        }
        else if (Is(name, "names"u8))
        {
            output.Text(Names ? "1"u8 : "0"u8);
        }
        else if (Is(name, "release_delay"u8))
        {
            output.Decimal(ReleaseDelay);
        }
        else if (Is(name, "release_rate"u8))
        {
            output.Decimal(ReleaseRate);
        }
        else if (Is(name, "release_thread"u8))
        {
            output.Text(ReleaseThread ? "1"u8 : "0"u8);
        }
        else if (Is(name, "sample"u8))
        {
            output.Decimal((nuint)Sample);
        }
        else if (Is(name, "limit"u8))
        {
            WriteLimit(Limit, LimitPercent, ref output);
        }
        else if (Is(name, "soft_limit"u8))
        {
            WriteLimit(SoftLimit, SoftLimitPercent, ref output);
        }
        else if (Is(name, "profile"u8))
        {
            output.Text(Profile ? ProfileRequest.Given : Literal.Pointer("\0"u8));
        }
        else if (Is(name, "verbose"u8))
        {
            output.Text(Verbose ? "1"u8 : "0"u8);
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>Writes all options with their values, as they were understood: "index=mm_cid stats=0 ...".</summary>
    internal static void WriteAll(ref Output output)
    {
        WriteOne("index"u8, ref output);
        WriteOne(" check"u8, ref output);
        WriteOne(" huge_pages"u8, ref output);
        WriteOne(" names"u8, ref output);
        WriteOne(" release_delay"u8, ref output);
        WriteOne(" release_rate"u8, ref output);
        WriteOne(" release_thread"u8, ref output);
        WriteOne(" limit"u8, ref output);
        WriteOne(" soft_limit"u8, ref output);
        WriteOne(" sample"u8, ref output);
        WriteOne(" verbose"u8, ref output);
        WriteOne(" stats"u8, ref output);
        WriteOne(" profile"u8, ref output);
    }

    private static void WriteOne(ReadOnlySpan<byte> name, ref Output output)
    {
        byte* text = Literal.Pointer(name);
        output.Text(text);
        output.Text("="u8);
        WriteValue(*text == ' ' ? text + 1 : text, ref output);
    }

    /// <summary>Says that there is no thread that gives memory back.</summary>
    internal static void ComplainOfReleaseThread()
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: NATIVEMALLOC_RELEASE_THREAD: no thread could be started, memory goes back as the program allocates and frees\n"u8);
        output.Flush();
    }

    private static void WriteLimit(ulong bytes, uint percent, ref Output output)
    {
        if (percent != 0)
        {
            output.Decimal(percent);
            output.Text("%"u8);
        }
        else if (bytes != NoLimit)
        {
            output.Decimal((nuint)bytes);
        }
    }

    /// <summary>Says that the index that was asked for is not to be had.</summary>
    internal static void ComplainOfIndex(ReadOnlySpan<byte> used)
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: NATIVEMALLOC_INDEX: this index is not to be had here, using "u8);
        output.Text(used);
        output.Text("\n"u8);
        output.Flush();
    }

    private static void ComplainOfPath()
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: NATIVEMALLOC_STATS: the path has more than 4,095 bytes, no statistics will be written\n"u8);
        output.Flush();
    }

    private static void Complain(byte* setting)
    {
        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: "u8);
        output.Quoted(setting);
        output.Text(": ignored; there are NATIVEMALLOC_INDEX=mm_cid|cpu_id|thread, NATIVEMALLOC_STATS=1|json:PATH, NATIVEMALLOC_CHECK=1, NATIVEMALLOC_VERBOSE=1, NATIVEMALLOC_HUGE_PAGES=auto|never|always, NATIVEMALLOC_NAMES=1, NATIVEMALLOC_RELEASE_DELAY=MILLISECONDS, NATIVEMALLOC_RELEASE_RATE=PERCENT, NATIVEMALLOC_RELEASE_THREAD=1, NATIVEMALLOC_SAMPLE=BYTES[K|M|G], NATIVEMALLOC_PROFILE=PATH[,allocated|peak|held][,leaks[=CODE]], NATIVEMALLOC_LIMIT=BYTES[K|M|G]|PERCENT% and NATIVEMALLOC_SOFT_LIMIT=BYTES[K|M|G]|PERCENT%\n"u8);
        output.Flush();
    }

    // Where the text goes on behind the prefix, or null if it has another one.
    private static byte* After(byte* text, ReadOnlySpan<byte> prefix)
    {
        for (int i = 0; i < prefix.Length; i++)
        {
            if (*text++ != prefix[i])
            {
                return null;
            }
        }

        return text;
    }

    private static bool Is(byte* text, ReadOnlySpan<byte> whole)
    {
        byte* end = After(text, whole);
        return end != null && *end == 0;
    }
}
