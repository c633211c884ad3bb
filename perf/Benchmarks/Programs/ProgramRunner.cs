using System.Globalization;

namespace NativeMalloc.Benchmarks.Programs;

/// <summary>Runs whole programs under one allocator after the other, in rounds.</summary>
internal static class ProgramRunner
{
    private const double NanosecondsInSecond = 1e9;
    private const double BytesInMebibyte = 1 << 20;

    /// <summary>Measures each program under each allocator; in every other round in the opposite order.</summary>
    internal static List<Measurement> Run(IReadOnlyList<WholeProgram> programs, IReadOnlyList<Allocator> allocators, int rounds)
    {
        Dictionary<(WholeProgram, Allocator), Measurement> measured = [];
        Progress progress = new(programs.Count * allocators.Count * rounds);
        foreach (WholeProgram program in programs)
        {
            RunOnce(program, allocators[0]); // to warm the file cache, and a server's files
            foreach (Allocator allocator in allocators)
            {
                measured[(program, allocator)] = new(Measurement.ProgramGroup, program.Name, allocator.Name, [], [], []);
            }

            for (int round = 0; round < rounds; round++)
            {
                foreach (Allocator allocator in round % 2 == 0 ? allocators : allocators.Reverse())
                {
                    (double seconds, double mebibytes, string? failure) = RunOnce(program, allocator);
                    Measurement measurement = measured[(program, allocator)];
                    if (failure == null)
                    {
                        measurement.Times.Add(seconds * NanosecondsInSecond);
                        measurement.Peaks.Add(mebibytes * BytesInMebibyte);
                    }
                    else
                    {
                        measurement.Failures.Add(failure);
                    }

                    progress.Step($"{program.Name}, {allocator.Name}: {failure ?? $"{seconds:N3} s, {mebibytes:N1} MiB"}");
                }
            }
        }

        return [.. measured.Values];
    }

    private static (double Seconds, double Mebibytes, string? Failure) RunOnce(WholeProgram program, Allocator allocator)
    {
        (string, string)[] index = allocator.Index is string number ? [("NATIVEMALLOC_INDEX", number)] : [];
        int code = Shell.Run(program.Command + " > /dev/null", out string output, [("PRELOAD", allocator.Preload), .. index]);
        string last = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("");
        string[] words = last.Split(' ');
        return code == 0 && words.Length >= 2
            && double.TryParse(words[0], CultureInfo.InvariantCulture, out double seconds)
            && double.TryParse(words[1], CultureInfo.InvariantCulture, out double mebibytes)
            ? (seconds, mebibytes, null) : (0, 0, $"failed with exit code {code}: {last}");
    }
}
