using System.CommandLine;
using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc profile PID|FILE.</summary>
internal static class ProfileCommand
{
    /// <summary>As the library's own: 512 KiB.</summary>
    private const string DefaultMean = "512K";

    private const int Rows = 30;

    private static readonly Dictionary<string, ProfileValue> s_values = new()
    {
        ["in-use"] = ProfileValue.InUse, ["allocated"] = ProfileValue.Allocated, ["peak"] = ProfileValue.Peak, ["held"] = ProfileValue.Held,
    };

    // None: a table.
    private static readonly Dictionary<string, ProfileFormat?> s_formats = new()
    {
        ["text"] = null, ["pprof"] = ProfileFormat.Pprof, ["heap"] = ProfileFormat.Heap, ["folded"] = ProfileFormat.Folded,
    };

    private sealed class Request
    {
        internal required string Source { get; init; }
        internal required int? Seconds { get; init; }
        internal required ulong Mean { get; init; }
        internal required ProfileFormat? Format { get; init; }
        internal required string Value { get; init; }
        internal required string? Output { get; init; }
        internal required string? Base { get; init; }
    }

    internal static Command Create()
    {
        Argument<string> source = new("PID|FILE") { Description = "a process that runs on NativeMalloc, or a profile in pprof's format" };
        Option<int?> seconds = new("--seconds")
        {
            HelpName = "N", Description = "how long to look; else 10, or if samples are taken in it already, not at all",
        };
        Option<string> sample = new("--sample")
        {
            HelpName = "BYTES", Description = "how many bytes lie between samples on average, also with K or M", DefaultValueFactory = _ => DefaultMean,
        };
        Option<string> format = new("--format")
        {
            HelpName = "FORMAT", Description = "text (a table), pprof, heap (gperftools' heap_v2) or folded (for flame graphs); else what the output's name ends in",
        };
        Option<string> value = new("--value")
        {
            HelpName = "VALUE", Description = "in other formats than pprof: in-use, allocated, peak or held", DefaultValueFactory = _ => "in-use",
        };
        Option<string> output = new("--output", "-o") { HelpName = "FILE", Description = "where it goes, instead of standard output" };
        Option<string> baseFile = new("--base") { HelpName = "FILE", Description = "a profile in pprof's format whose values are taken off" };
        format.AcceptOnly(s_formats.Keys);
        value.AcceptOnly(s_values.Keys);
        seconds.AcceptFrom(0);
        sample.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && BytesOf(result.Tokens[0].Value) is 0 or > Exponential.MostMean)
            {
                result.AddError("--sample: a number of bytes is wanted, such as 512K, and at most 2^40");
            }
        });

        Command command = new("profile", "Shows which functions a process's memory was allocated by.") { source, seconds, sample, format, value, output, baseFile };
        command.SetAction(parsed => Run(new Request
        {
            Source = parsed.GetRequiredValue(source),
            Seconds = parsed.GetValue(seconds),
            Mean = BytesOf(parsed.GetRequiredValue(sample)),
            Format = FormatOf(parsed.GetValue(format), parsed.GetValue(output)),
            Value = parsed.GetRequiredValue(value),
            Output = parsed.GetValue(output),
            Base = parsed.GetValue(baseFile),
        }));
        return command;
    }

    private static ulong BytesOf(string text)
    {
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, _ => 0 };
        return ulong.TryParse(shift == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number < 1ul << 32
            ? number << shift
            : 0;
    }

    private static ProfileFormat? FormatOf(string? name, string? output) =>
        name != null ? s_formats[name]
        : output == null ? null
        : Path.GetExtension(output) switch { ".heap" => ProfileFormat.Heap, ".folded" => ProfileFormat.Folded, ".txt" => null, _ => ProfileFormat.Pprof };

    private static int Run(Request request)
    {
        if (request.Format == ProfileFormat.Pprof && request.Output == null && !Console.IsOutputRedirected)
        {
            throw new Refusal("pprof's format is not for a terminal: name a file, by --output");
        }

        // Before a process is looked at for long.
        Profile? before = request.Base == null ? null : PprofFile.Read(request.Base);
        bool isProcess = int.TryParse(request.Source, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        Profile profile;
        string title;
        if (isProcess)
        {
            profile = ProcessProfile.Take(number, request.Mean, request.Seconds, out title);
        }
        else
        {
            profile = PprofFile.Read(FilePath.OrNumber(request.Source));
            Symbolizer.Of(profile).Name(profile);
            title = request.Source;
        }

        if (before != null)
        {
            Symbolizer.Of(before).Name(before);
            if (request.Format != ProfileFormat.Folded)
            {
                profile.Subtract(before);
            }

            title += " less " + request.Base;
        }

        Write(request, profile, before, title);
        return 0;
    }

    private static void Write(Request request, Profile profile, Profile? before, string title)
    {
        ProfileValue value = s_values[request.Value];
        (int objects, int bytes) = profile.TypesOf(value);
        if (bytes < 0 && request.Format != ProfileFormat.Pprof)
        {
            throw new Refusal($"{title}: has no value '{request.Value}'");
        }

        // Whole, before a file that may be there is emptied: it may be that the profile cannot be written so.
        using MemoryStream whole = new();
        using (StreamWriter text = new(whole, leaveOpen: true))
        {
            switch (request.Format)
            {
                case ProfileFormat.Pprof:
                    PprofFile.Write(profile, whole);
                    break;
                case ProfileFormat.Heap:
                    HeapText.Write(profile, value, text);
                    break;
                case ProfileFormat.Folded:
                    FoldedText.Write(profile, bytes, before, text);
                    break;
                default:
                    WriteTable(profile, title, request.Value, objects, bytes, text);
                    break;
            }
        }

        using Stream output = request.Output == null ? new StandardOutput() : FilePath.Create(request.Output);
        whole.WriteTo(output);
    }

    private static void WriteTable(Profile profile, string title, string value, int objects, int bytes, TextWriter text)
    {
        text.Write($"{title}: {SizeText.Of(profile.Total(bytes))} {value.Replace('-', ' ')}");
        text.Write(objects >= 0 ? $" in {profile.Total(objects)} objects" : "");
        text.Write(profile.Period > 1 ? $", by a sample every {SizeText.Of(profile.Period)}\n" : "\n");
        foreach (string comment in profile.Comments.Where(comment => !comment.StartsWith("nativemalloc ") && (value == "held" || !comment.StartsWith("held_space "))))
        {
            text.Write(Printable.Of(comment) + "\n");
        }

        TopTable.Write(profile, bytes, objects, Rows, text);
    }
}
