using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>The screen of nativemalloc top, and what its keys do.</summary>
internal sealed class TopScreen(Watch watch, TimeSpan interval)
{
    // Columns of the tiers; what is left of the width is the graph's.
    private const int NameWidth = 16;
    private const int SizeWidth = 10;
    private const int RateWidth = 13;
    private const int GraphColumn = NameWidth + SizeWidth + RateWidth + 2;
    private const int LeastGraphWidth = 16;

    // Numbers whose steps a person tells apart.
    private static readonly double[] s_intervals = [TopCommand.LeastSeconds, 0.2, 0.5, 1, 2, 5, 10, 30, 60];

    private static readonly string[] s_help =
    [
        "in use         the program's blocks, rounded up to their size classes",
        "slabs          free objects at hand for a CPU, or a thread",
        "transfer       free objects on their way between these",
        "free in spans  free objects beside blocks in use; they wait for that size",
        "free pages     in no span; they go back to the kernel when they lie idle",
        "released       addresses without memory: they cost nothing",
        "resident       the kernel's number for all of the process",
        "asked for      by malloc and the like, from looks that threads take as they",
        "               allocate: what each asked for since its last is missing",
        "past caches    allocations that found the slab empty, frees that found it",
        "               full; those that slabs serve are not counted by anything",
        "Rates are over the last 5 seconds, or the interval if that is longer.",
        "",
        "  q, Ctrl-C    quit",
        "  s, S         order the size classes by the next, the one before",
        "  + -          longer and shorter interval",
        "  p, space     pause, and go on",
        "  up, down     move through the size classes (k, j)",
        "  ?, h         this, and back",
    ];

    private readonly bool _colours = Terminal.HasColours;
    private readonly bool _unicode = Terminal.HasUnicode;
    private readonly ForkWatch _forks = new(watch.Reader.Process);
    private TimeSpan _interval = interval;
    private TopOrder _order;
    private bool _isPaused;
    private bool _showsHelp;
    private int _firstRow;
    private string _event = "";

    private int _width;
    private int _height;

    /// <summary>Until the user has enough, or the process ends; the exit code.</summary>
    internal int Run()
    {
        using Screen screen = new();
        double due = 0;
        while (true)
        {
            if (!_isPaused && watch.Seconds >= due)
            {
                due = watch.Seconds + _interval.TotalSeconds;
                watch.Read();
                _event = _forks.Look(watch.Seconds) ?? _event;
            }

            if (!Screen.Show(Draw()))
            {
                return 1;
            }

            ScreenEvent next = screen.Wait(_isPaused ? TimeSpan.FromDays(1) : TimeSpan.FromSeconds(Math.Max(0, due - watch.Seconds)));
            switch (next.Kind)
            {
                case ScreenEventKind.Key when next.Key is 'q' or 'Q': return 0;
                case ScreenEventKind.Key: due = On(next.Key) ? 0 : due; break;
                case ScreenEventKind.Stop: screen.Stop(); break;
                case ScreenEventKind.Continue: screen.Enter(); break;
                case ScreenEventKind.End: return next.Signal == 0 ? 0 : 128 + next.Signal;
            }
        }
    }

    // True if it is to be read at once.
    private bool On(char key)
    {
        if (_showsHelp)
        {
            _showsHelp = false;
            return false;
        }

        int orders = Enum.GetValues<TopOrder>().Length;
        switch (key)
        {
            case '?' or 'h' or 'H': _showsHelp = true; return false;
            case 'p' or ' ': _isPaused = !_isPaused; return !_isPaused;
            case 's': _order = (TopOrder)(((int)_order + 1) % orders); return false;
            case 'S': _order = (TopOrder)(((int)_order + orders - 1) % orders); return false;
            case ScreenEvent.Down or 'j': _firstRow++; return false;
            case ScreenEvent.Up or 'k': _firstRow = Math.Max(0, _firstRow - 1); return false;
            case '+': SetInterval(s_intervals.FirstOrDefault(one => one > _interval.TotalSeconds, _interval.TotalSeconds)); return true;
            case '-': SetInterval(s_intervals.LastOrDefault(one => one < _interval.TotalSeconds, _interval.TotalSeconds)); return true;
            default: return false;
        }
    }

    private void SetInterval(double seconds) => _interval = TimeSpan.FromSeconds(seconds);

    private List<string> Draw()
    {
        (_width, _height) = Screen.Size;
        List<string> lines = [Title()];
        if (_showsHelp)
        {
            lines.AddRange(s_help.Select(line => Line().Add(line).ToString()));
        }
        else
        {
            AddTiers(lines);
            lines.Add(Requests());
            int rows = _height - lines.Count - 3;
            lines.Add(Line().Add(_event != "" ? _event : Uncertainty(), Terminal.Orange).ToString());
            AddClasses(lines, rows);
        }

        List<string> shown = [.. lines.Take(_height - 1)];
        shown.AddRange(Enumerable.Repeat("", Math.Max(0, _height - 1 - shown.Count)));
        shown.Add(Line().Add(_showsHelp ? "any key: back" : $"q quit  s order: {OrderName}  +/- interval  p {(_isPaused ? "go on" : "pause")}  up/down  ? help").Reversed());
        return shown;
    }

    private ScreenLine Line() => new(_width, _colours);

    private string OrderName => _order switch
    {
        TopOrder.Change => "change", TopOrder.InUse => "in use", TopOrder.Free => "free", TopOrder.Allocations => "allocations", _ => "size",
    };

    private string Uncertainty() => watch.Reader.IsUncertain ? $"it changes so fast that these add up only to within {SizeText.Of(watch.Heap.Mended)}" : "";

    private string Title()
    {
        string right = _isPaused ? "paused" : string.Create(CultureInfo.InvariantCulture, $"every {_interval.TotalSeconds:0.##} s");
        ReadOnlySpan<byte> frontEnd = watch.Reader.Traits.FrontEndName;
        string left = $"{watch.Reader.Process}, {System.Text.Encoding.ASCII.GetString(frontEnd)}";
        return Line().Add(left).To(_width - right.Length).Add(right).Reversed();
    }

    private void AddTiers(List<string> lines)
    {
        bool perThread = watch.Reader.Traits.FrontEnd.IsPerThread;
        (string Name, string Colour, Func<Reading, double> Bytes)[] tiers =
        [
            ("in use", Terminal.Blue, one => one.Heap.InUse),
            ("  large blocks", "", one => one.Heap.InUseLarge),
            (perThread ? "threads' slabs" : "CPUs' slabs", "", one => one.Heap.FrontEnd),
            ("transfer caches", "", one => one.Heap.Transfer),
            ("free in spans", "", one => (double)one.Heap.Central + one.Heap.SpanTails),
            ("free pages", "", one => one.Heap.Free),
            ("released", "", one => one.Heap.Released),
            ("own structures", "", one => one.Heap.MetadataTouched),
            ("resident", Terminal.Orange, one => one.Resident),
        ];

        int width = _width - GraphColumn;
        TopGraph? graph = width < LeastGraphWidth ? null : new TopGraph(watch.Points, width, tiers.Length - 2);
        for (int i = 0; i < tiers.Length; i++)
        {
            ScreenLine line = Line().Add($"{tiers[i].Name,-NameWidth}", tiers[i].Colour).Add($"{SizeText.Of(tiers[i].Bytes(watch.Last)),SizeWidth}")
                .Add($"{RateText(watch.Rate(tiers[i].Bytes)),RateWidth}", Terminal.Faint).To(GraphColumn);
            if (graph != null && i == 0)
            {
                line.Add($"up to {SizeText.Of(graph.Top)}", Terminal.Faint);
            }
            else if (graph != null && i == tiers.Length - 1)
            {
                string left = graph.Seconds < 60 ? $"{graph.Seconds:0} s ago" : $"{graph.Seconds / 60:0} min ago";
                line.Add(left, Terminal.Faint).To(_width - "now".Length).Add("now", Terminal.Faint);
            }
            else
            {
                graph?.Draw(line, i - 1, _unicode, _colours);
            }

            lines.Add(line.ToString());
        }
    }

    private string Requests()
    {
        string asked = watch.Rate(one => one.Heap.Allocated) is double rate ? SizeText.Of(Math.Max(0, rate)) + "/s" : "-";
        return Line().Add("asked for ").Add($"{asked,-12}").Add($"  past the caches {Count(one => one.Heap.Underflows)} allocations, {Count(one => one.Heap.Overflows)} frees").ToString();

        string Count(Func<Reading, double> number) => watch.Rate(number) is double each ? CountText(each) + "/s" : "-";
    }

    private void AddClasses(List<string> lines, int room)
    {
        if (room <= 0)
        {
            return;
        }

        List<TopRow> rows = TopRow.Of(watch, _order);
        _firstRow = Math.Clamp(_firstRow, 0, Math.Max(0, rows.Count - room));
        lines.Add(Line().Add($"{"SIZE",8}{"IN USE",11}{"CHANGE",14}{"OBJECTS",12}{"CACHED",11}{"FREE",11}{"PAST/s",10}", Terminal.Faint).ToString());
        foreach (TopRow row in rows.Skip(_firstRow).Take(room))
        {
            string objects = row.Objects >= 0 ? row.Objects.ToString(CultureInfo.InvariantCulture) : "";
            lines.Add(Line().Add($"{row.Name,8}{SizeText.Of(row.InUse),11}").Add($"{RateText(row.Change),14}", row.Change > 0 ? Terminal.Orange : row.Change < 0 ? Terminal.Blue : "")
                .Add($"{objects,12}{SizeText.Of(row.Cached),11}{SizeText.Of(row.Free),11}{CountText(row.Allocations),10}").ToString());
        }
    }

    // None, where nothing has changed.
    private static string RateText(double? rate) => rate is not double change || change == 0 ? "" : (change > 0 ? "+" : "-") + SizeText.Of(Math.Abs(change)) + "/s";

    private static string CountText(double number) =>
        number < 10_000 ? number.ToString("0", CultureInfo.InvariantCulture)
        : number < 10_000_000 ? (number / 1000).ToString("0", CultureInfo.InvariantCulture) + "k"
        : (number / 1_000_000).ToString("0", CultureInfo.InvariantCulture) + "M";
}
