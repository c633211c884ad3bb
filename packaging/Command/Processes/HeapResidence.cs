using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>
/// What the kernel says of the mappings that the heap lies in, and of all others together (/proc/PID/smaps), in bytes. The kernel walks the process's pages for it, some
/// milliseconds for each GiB.
/// </summary>
internal struct HeapResidence
{
    internal ulong Resident;

    /// <summary>Of it, in huge pages of the kernel's.</summary>
    internal ulong InHugePages;

    /// <summary>Of it, what other processes have, too: since a fork.</summary>
    internal ulong Shared;

    internal ulong Swapped;

    /// <summary>What is resident in the process's other mappings, and of it what is of files, or memory made to be shared.</summary>
    internal ulong Elsewhere;
    internal ulong ElsewhereOfFiles;

    internal static HeapResidence Of(TargetProcess process, IReadOnlyList<HugePageUse> hugePages)
    {
        ulong[] starts = [.. hugePages.Select(one => (ulong)one.Start)];
        HeapResidence all = default;
        bool ours = false;
        foreach (string line in process.ReadFile("smaps").Split('\n'))
        {
            int end = line.IndexOf(' ');
            int dash = line.IndexOf('-');
            if (dash > 0 && dash < end)
            {
                // "start-end rights ...", and then what is there, a line each: "Rss:   12 kB".
                ulong from = ulong.Parse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                ulong to = ulong.Parse(line.AsSpan(dash + 1, end - dash - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                int next = Array.BinarySearch(starts, from);
                next = next < 0 ? ~next : next;
                ours = (next < starts.Length && starts[next] < to) || (next > 0 && starts[next - 1] + PageMap.HugePageSize > from);
            }
            else if (end > 1)
            {
                ulong bytes = line.EndsWith(" kB") ? ulong.Parse(line.AsSpan(end, line.Length - end - 3).Trim(), CultureInfo.InvariantCulture) << 10 : 0;
                switch (line[..(end - 1)])
                {
                    case "Rss" when !ours: all.Elsewhere += bytes; all.ElsewhereOfFiles += bytes; break;
                    case "Anonymous" when !ours: all.ElsewhereOfFiles -= bytes; break;
                    case var _ when !ours: break;
                    case "Rss": all.Resident += bytes; break;
                    case "AnonHugePages": all.InHugePages += bytes; break;
                    case "Shared_Clean" or "Shared_Dirty": all.Shared += bytes; break;
                    case "Swap": all.Swapped += bytes; break;
                }
            }
        }

        return all;
    }
}
