using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>A line of /proc/PID/maps.</summary>
internal sealed record MapLine(ulong Start, ulong End, string Rights, ulong Offset, string Device, string Inode, string Path)
{
    internal bool IsFile => Inode != "0";
}

/// <summary>What a process has mapped.</summary>
internal static class MemoryMap
{
    internal static List<MapLine> Of(TargetProcess process)
    {
        List<MapLine> lines = [];
        foreach (string line in process.ReadFile("maps").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // "start-end rights offset device inode      path", of which the path may have spaces.
            string[] fields = line.Split(' ', 6);
            string[] range = fields[0].Split('-');
            lines.Add(new MapLine(Hex(range[0]), Hex(range[1]), fields[1], Hex(fields[2]), fields[3], fields[4], fields.Length > 5 ? fields[5].TrimStart() : ""));
        }

        return lines.Count > 0 ? lines : throw process.Refuse("has no memory: it has ended, or is one of the kernel's own");
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
