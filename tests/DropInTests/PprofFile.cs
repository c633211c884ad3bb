using System.Globalization;
using System.IO.Compression;
using NativeMalloc.Pprof;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>A file in pprof's format, as its readers see it: names are looked up in the files that it says were mapped.</summary>
internal sealed class PprofFile
{
    private readonly string[] _types;
    private readonly Dictionary<ulong, string> _functions = [];

    internal PprofFile(string path)
    {
        Profile = Parse(path);
        _types = [.. Profile.SampleType.Select(type => Profile.StringTable[(int)type.Type])];
        foreach (Mapping mapping in Profile.Mapping)
        {
            Look(mapping, [.. Profile.Location.Where(location => location.MappingId == mapping.Id)]);
        }

        foreach (Location location in Profile.Location.Where(location => location.Line.Count > 0))
        {
            _functions[location.Id] = Profile.StringTable[(int)Profile.Function.Single(function => function.Id == location.Line[0].FunctionId).Name];
        }
    }

    internal static Profile Parse(string path)
    {
        using GZipStream stream = new(File.OpenRead(path), CompressionMode.Decompress);
        return Profile.Parser.ParseFrom(stream);
    }

    internal Profile Profile { get; }

    internal string[] Comments => [.. Profile.Comment.Select(index => Profile.StringTable[(int)index])];

    internal string FileOf(Mapping mapping) => Profile.StringTable[(int)mapping.Filename];

    internal string BuildIdOf(Mapping mapping) => Profile.StringTable[(int)mapping.BuildId];

    /// <summary>The sum over all stacks in which the function is.</summary>
    internal double Of(string function, string type) =>
        Profile.Sample.Where(sample => sample.LocationId.Any(id => _functions.GetValueOrDefault(id) == function)).Sum(sample => (double)sample.Value[Array.IndexOf(_types, type)]);

    /// <summary>The functions of each stack that has bytes in use, the innermost first.</summary>
    internal IEnumerable<string[]> Stacks => Profile.Sample.Where(sample => sample.Value[3] > 0)
        .Select(sample => sample.LocationId.Select(id => _functions.GetValueOrDefault(id, "?")).ToArray());

    // These files' code has the same place in the file as in memory.
    private void Look(Mapping mapping, Location[] locations)
    {
        string file = FileOf(mapping);
        if (locations.Length == 0 || !File.Exists(file))
        {
            return;
        }

        string[] addresses = [.. locations.Select(location => "0x" + (location.Address - mapping.MemoryStart + mapping.FileOffset).ToString("x", CultureInfo.InvariantCulture))];
        string[] lines = new Command("addr2line", ["-f", "-C", "-e", file, .. addresses]).Run().Succeeded().Output.Split('\n');
        Assert.Equal(addresses.Length * 2, lines.Length - 1);
        for (int i = 0; i < locations.Length; i++)
        {
            _functions[locations[i].Id] = lines[2 * i];
        }
    }
}
