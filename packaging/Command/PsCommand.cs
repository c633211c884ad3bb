using System.CommandLine;
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
        foreach (int number in HeapProcess.Numbers())
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
            StandardError.WriteLine($"ps: {forbidden} more process{(forbidden == 1 ? "" : "es")} may not be looked at: {(Kernel.UserId() == 0 ? "that takes CAP_SYS_PTRACE" : "root may look at all")}");
        }

        return 0;
    }

    // Null: it does not run on the library.
    private static string? LineOf(int number)
    {
        if (HeapProcess.Of(number) is not HeapProcess found)
        {
            return null;
        }

        TargetProcess process = found.Process;
        string begin = $"{number,8} {process.Name,-NameWidth}";
        if (found.Heap is not HeapReader heap)
        {
            return $"{begin} NativeMalloc {found.Library.Version}, another build: use its own command";
        }

        if (!heap.Traits.IsActive)
        {
            return $"{begin} not in use, the program brings its own malloc";
        }

        HeapStatistics all = heap.Statistics;
        return $"{begin} {(heap.Traits.Checks ? "checking" : Text(heap.Traits.FrontEndName)),-10} {Text(heap.Traits.FrontEnd.RseqName),-11}"
            + $" {SizeText.Of(all.InUse),10} {SizeText.Of(process.ResidentBytes),10} {SizeText.Of(all.Idle),10}";
    }

    private static string Text(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text);
}
