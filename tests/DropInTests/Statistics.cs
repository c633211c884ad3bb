using System.Text.Json;

namespace NativeMalloc.DropInTests;

/// <summary>Runs a command with the library and reads the statistics that it leaves.</summary>
internal static class Statistics
{
    internal static JsonElement Of(Command command) => Of(command, out _);

    internal static JsonElement Of(Command command, out Outcome outcome)
    {
        string folder = Repository.NewFolder("statistics");
        string file = Path.Combine(folder, "statistics.json");
        outcome = command.Preloaded().With("NATIVEMALLOC_STATS", "json:" + file).Run().Succeeded();
        return Read(file);
    }

    internal static JsonElement Read(string file) => JsonDocument.Parse(File.ReadAllText(file)).RootElement;

    internal static string Text(this JsonElement element, string name) => element.GetProperty(name).GetString()!;

    internal static long Number(this JsonElement element, params string[] path) =>
        path.Aggregate(element, (current, name) => current.GetProperty(name)).GetInt64();
}
