using System.CommandLine;
using System.Diagnostics;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc doctor PID.</summary>
internal static class DoctorCommand
{
    private const int DefaultSeconds = 5;

    /// <summary>So many, evenly: what grows in nearly all of these steps does not only go up and down.</summary>
    private const int Steps = 8;

    private const int Width = 79;
    private const string Indent = "    ";

    internal static Command Create()
    {
        Argument<int> process = OptionChecks.ProcessNumber();
        Option<int> seconds = new("--seconds") { HelpName = "N", Description = "how long to look", DefaultValueFactory = _ => DefaultSeconds };
        seconds.AcceptFrom(1);
        Command command = new("doctor", "Looks at a process for some seconds, and says in words what its memory is.") { process, seconds };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(process), parsed.GetValue(seconds)));
        return command;
    }

    private static int Run(int number, int seconds)
    {
        HeapReader reader = HeapReader.Of(number);
        if (!reader.Traits.IsActive)
        {
            Console.Out.Write($"{reader.Process}\n\n");
            Write(new Diagnosis("not in use", 0, "NativeMalloc is loaded, and the program brings its own malloc: of its memory nothing is known here."));
            return 0;
        }

        Stopwatch watch = Stopwatch.StartNew();
        Pace pace = new(TimeSpan.FromSeconds((double)seconds / Steps));
        List<Reading> readings = [];
        while (readings.Count <= Steps)
        {
            pace.Wait();
            readings.Add(Reading.Take(reader, watch));
        }

        HeapStatistics heap = reader.Statistics;
        Diagnoses diagnoses = new(reader, readings, HeapResidence.Of(reader.Process, reader.HugePages));
        Diagnosis[] all = [.. diagnoses.Find()];
        Console.Out.Write($"{reader.Process}: {SizeText.Of(heap.InUse)} in use, {SizeText.Of(heap.Idle)} idle, {SizeText.Of(reader.Process.ResidentBytes)} resident; looked at for {diagnoses.Seconds:0.#} s\n\n");
        foreach (Diagnosis one in all.DefaultIfEmpty(new Diagnosis("nothing", 0, "nearly all that the heap holds is in use, in small blocks, and does not grow.")))
        {
            Write(one);
        }

        return 0;
    }

    // The name, and lines of whole words.
    private static void Write(Diagnosis diagnosis)
    {
        string line = diagnosis.Name + ":";
        foreach (string word in diagnosis.Text.Split(' '))
        {
            if (line.Length + 1 + word.Length > Width)
            {
                Console.Out.Write(line + "\n");
                line = Indent + word;
            }
            else
            {
                line += " " + word;
            }
        }

        Console.Out.Write(line + "\n");
    }
}
