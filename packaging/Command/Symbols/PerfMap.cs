using System.Globalization;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>The names of code that a process compiled while it ran: perf's /tmp/perf-PID.map, a line "start size name" for each.</summary>
internal sealed class PerfMap
{
    private readonly record struct Entry(ulong Start, ulong Bytes, string Name);

    // By address. What was compiled later took the place of what was there before.
    private readonly List<Entry> _entries = [];

    /// <summary>Of a file; empty where there is none.</summary>
    internal PerfMap(string path)
    {
        SortedDictionary<ulong, Entry> byStart = [];
        foreach (string line in FileText.Of(path).SelectMany(text => Encoding.UTF8.GetString(text).Split('\n')))
        {
            string[] fields = line.Split(' ', 3);
            if (fields.Length == 3 && TryHex(fields[0], out ulong start) && TryHex(fields[1], out ulong bytes))
            {
                byStart[start] = new Entry(start, bytes, fields[2]);
            }
        }

        _entries.AddRange(byStart.Values);
    }

    internal string? NameAt(ulong address)
    {
        int low = 0, high = _entries.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _entries[middle].Start <= address ? (middle + 1, high) : (low, middle);
        }

        return low > 0 && address - _entries[low - 1].Start < _entries[low - 1].Bytes ? _entries[low - 1].Name : null;
    }

    private static bool TryHex(string text, out ulong value) =>
        ulong.TryParse(text.StartsWith("0x") ? text[2..] : text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);
}
