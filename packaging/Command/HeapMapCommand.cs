using System.CommandLine;

namespace NativeMalloc.Inspect;

/// <summary>nativemalloc heapmap PID|FILE.</summary>
internal static class HeapMapCommand
{
    internal static Command Create()
    {
        Argument<string> source = new("PID|FILE") { Description = "a process that runs on NativeMalloc, or the JSON that one wrote" };
        Option<bool> svg = new("--svg") { Description = "as a picture for a browser, on standard output" };
        Command command = new("heapmap", "Draws the huge pages of a process's heap: what of them is used, free and released.") { source, svg };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(source), parsed.GetValue(svg)));
        return command;
    }

    private static int Run(string source, bool svg)
    {
        HeapView view = HeapView.Of(source);
        string title = view is HeapReader reader ? reader.Process.ToString() : $"{Path.GetFileName(source)} (process {view.Number})";
        if (svg)
        {
            HeapPicture.Write(view.HugePages, title, Console.Out);
        }
        else
        {
            HeapMapText.Write(view.HugePages, title, Terminal.HasColours, Console.Out);
        }

        return 0;
    }
}
