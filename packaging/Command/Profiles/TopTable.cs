using System.Globalization;

namespace NativeMalloc.Inspect;

/// <summary>A table by function: what was allocated by it, and by it and all that it called.</summary>
internal static class TopTable
{
    private sealed class Row
    {
        internal long Flat;
        internal long FlatObjects;
        internal long Cumulative;
    }

    /// <summary>Writes so many rows of it, those with most of their own first. The objects' type is -1 where there is none.</summary>
    internal static void Write(Profile profile, int type, int objectsType, int most, TextWriter output)
    {
        Dictionary<string, Row> rows = [];
        Row RowOf(string name)
        {
            if (!rows.TryGetValue(name, out Row? row))
            {
                rows.Add(name, row = new Row());
            }

            return row;
        }

        long total = profile.Total(type);
        foreach (Profile.StackValues stack in profile.Stacks)
        {
            string[] names = [.. stack.Stack.SelectMany(location => location.Names).DefaultIfEmpty("(no stack)")];
            RowOf(names[0]).Flat += stack.Values[type];
            RowOf(names[0]).FlatObjects += objectsType < 0 ? 0 : stack.Values[objectsType];
            foreach (string name in names.Distinct())
            {
                RowOf(name).Cumulative += stack.Values[type];
            }
        }

        string Share(long value) => total == 0 ? "-" : Percent(100.0 * value / total);
        KeyValuePair<string, Row>[] ordered = [.. rows.Where(row => row.Value.Flat != 0 || row.Value.Cumulative != 0)
            .OrderByDescending(row => Math.Abs(row.Value.Flat)).ThenByDescending(row => Math.Abs(row.Value.Cumulative)).ThenBy(row => row.Key, StringComparer.Ordinal)];
        output.Write($"{"flat",11} {"share",7} {"with callees",13} {"share",7} {"objects",10}  function\n");
        foreach ((string name, Row row) in ordered.Take(most))
        {
            string objects = objectsType < 0 ? "" : row.FlatObjects.ToString(CultureInfo.InvariantCulture);
            output.Write($"{SizeText.Of(row.Flat),11} {Share(row.Flat),7} {SizeText.Of(row.Cumulative),13} {Share(row.Cumulative),7} {objects,10}  {name}\n");
        }

        if (ordered.Length > most)
        {
            output.Write($"{ordered.Length - most} more functions are not shown.\n");
        }
    }

    private static string Percent(double percent) => percent.ToString("0.0", CultureInfo.InvariantCulture) + " %";
}
