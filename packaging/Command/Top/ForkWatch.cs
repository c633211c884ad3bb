namespace NativeMalloc.Inspect;

/// <summary>The processes that a process forks, as far as they live when it is looked.</summary>
internal sealed class ForkWatch(TargetProcess process)
{
    /// <summary>Seconds between two looks: for each thread there is a file to read.</summary>
    private const double Between = 1;

    private readonly HashSet<int> _known = [];
    private double _last = double.NegativeInfinity;

    /// <summary>A line on the last of those that have come since the last time; null where none has.</summary>
    internal string? Look(double seconds)
    {
        if (seconds - _last < Between)
        {
            return null;
        }

        bool isFirst = double.IsNegativeInfinity(_last);
        _last = seconds;
        int[] children = [.. Children()];
        int[] came = [.. children.Where(child => !_known.Contains(child))];
        _known.Clear();
        _known.UnionWith(children);
        return isFirst || came.Length == 0 ? null : LineOf(came[^1], came.Length);
    }

    // It may have ended by now.
    private string? LineOf(int child, int count)
    {
        try
        {
            TargetProcess it = new(child);
            return (count > 1 ? $"it forked {count} processes, the last " : "it forked ") + it
                + (it.Program == process.Program ? ", which has a copy of its heap" : ", which runs another program");
        }
        catch (Refusal)
        {
            return null;
        }
    }

    // Kernels without CONFIG_PROC_CHILDREN have no such files.
    private IEnumerable<int> Children()
    {
        foreach (string thread in Directory.EnumerateDirectories(process.Folder + "/task"))
        {
            string all;
            try
            {
                all = File.ReadAllText(thread + "/children");
            }
            catch (IOException)
            {
                continue;
            }

            foreach (string child in all.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return int.Parse(child);
            }
        }
    }
}
