using System.CommandLine;
using System.Globalization;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc ps: the processes that run on the library.</summary>
internal static class PsCommand
{
    private const int NameWidth = 15; // TASK_COMM_LEN is one more

    internal static Command Create()
    {
        Command command = new("ps", "Lists the processes that run on NativeMalloc, as far as you may look at them.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        int forbidden = 0;
        Console.Out.Write($"{"PID",8} {"NAME",-NameWidth} {"FRONT END",-10} {"RSEQ",-11} {"IN USE",10} {"RESIDENT",10} {"IDLE",10}\n");
        foreach (int number in Numbers())
        {
            try
            {
                if (LineOf(number) is string line)
                {
                    Console.Out.Write(line + "\n");
                }
            }
            catch (NotPermitted)
            {
                forbidden++;
            }
            catch (Refusal)
            {
                // It has ended, or begun another program.
            }
        }

        if (forbidden > 0)
        {
            Console.Error.WriteLine($"nativemalloc: ps: {forbidden} more process{(forbidden == 1 ? "" : "es")} may not be looked at: {(Kernel.UserId() == 0 ? "that takes CAP_SYS_PTRACE" : "root may look at all")}");
        }

        return 0;
    }

    private static IEnumerable<int> Numbers() =>
        Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)
            .Where(number => number > 0 && number != Environment.ProcessId)
            .Order();

    // Null: it does not run on the library.
    private static string? LineOf(int number)
    {
        TargetProcess process = new(number);
        if (process.ReadFile("cmdline").Length == 0)
        {
            return null; // one of the kernel's own, or it has ended
        }

        string begin = $"{number,8} {Printable(process.Name),-NameWidth}";
        Library? library = Library.Find(process, LoadedImage.Of(process, MemoryMap.Of(process)));
        if (library == null)
        {
            return null;
        }

        if (!library.IsThisBuild)
        {
            return $"{begin} NativeMalloc {library.Version}, another build: use its own command";
        }

        HeapReader heap = new(process, library);
        heap.Read();
        if (!heap.Traits.IsActive)
        {
            return $"{begin} not in use, the program brings its own malloc";
        }

        HeapStatistics all = heap.Statistics;
        return $"{begin} {(heap.Traits.Checks ? "checking" : Text(heap.Traits.FrontEndName)),-10} {Text(heap.Traits.FrontEnd.RseqName),-11}"
            + $" {SizeText.Of(all.InUse),10} {SizeText.Of(process.ResidentBytes),10} {SizeText.Of(all.Idle),10}";
    }

    private static string Text(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text);

    private static string Printable(string name) => string.Concat(name.Select(letter => char.IsControl(letter) ? '?' : letter));
}
