namespace NativeMalloc.Inspect;

/// <summary>
/// Finds the functions of a profile's places: in the files that are mapped there, if they are the same by their build ids; in debug files
/// below /usr/lib/debug; and in the list of what a process compiled itself.
/// </summary>
internal sealed class Symbolizer
{
    private readonly TargetProcess? _process;
    private readonly string _compiled;
    private readonly Dictionary<(string, string), ElfSymbolTable[]> _tables = [];
    private readonly Dictionary<string, Profile.Function> _functions = [];

    private Symbolizer(TargetProcess? process, string compiled)
    {
        _process = process;
        _compiled = compiled;
    }

    /// <summary>Of a process that is there. It may have ended by the time when names are wanted.</summary>
    internal static Symbolizer Of(TargetProcess process) => new(process, $"{process.Folder}/root/tmp/perf-{NumberInside(process)}.map");

    /// <summary>Of a profile that was written: what the process compiled is named where its list is still there.</summary>
    internal static Symbolizer Of(Profile profile)
    {
        string comment = profile.Comments.FirstOrDefault(comment => comment.StartsWith("nativemalloc "), "");
        return new Symbolizer(null, $"/tmp/perf-{comment[(comment.LastIndexOf(' ') + 1)..]}.map");
    }

    /// <summary>Names all places that have no name and can be given one.</summary>
    internal void Name(Profile profile)
    {
        PerfMap compiled = new(_compiled);
        foreach (Profile.Location location in profile.Stacks.SelectMany(stack => stack.Stack).Distinct().Where(location => location.Lines.Count == 0))
        {
            string? name = NameIn(TablesOf(location.Mapping), location) ?? compiled.NameAt(location.Address);
            if (name != null)
            {
                location.Lines.Add(new Profile.Line(FunctionOf(name), 0));
            }
        }
    }

    private static string? NameIn(ElfSymbolTable[] tables, Profile.Location location)
    {
        // The first is the file that is mapped; a debug file has the same addresses, but not the same places in the file.
        ulong? address = tables.Length == 0 ? null : tables[0].AddressOf(location.Address - location.Mapping!.Start + location.Mapping.Offset);
        return address == null ? null : tables.Select(table => table.NameAt(address.Value)).FirstOrDefault(name => name != null);
    }

    private Profile.Function FunctionOf(string name)
    {
        if (!_functions.TryGetValue(name, out Profile.Function? function))
        {
            _functions.Add(name, function = new Profile.Function(Demangler.Demangle(name), name, ""));
        }

        return function;
    }

    private ElfSymbolTable[] TablesOf(Profile.Mapping? mapping)
    {
        if (mapping == null)
        {
            return [];
        }

        if (!_tables.TryGetValue((mapping.File, mapping.BuildId), out ElfSymbolTable[]? tables))
        {
            _tables.Add((mapping.File, mapping.BuildId), tables = [.. ReadTables(mapping)]);
        }

        return tables;
    }

    // Of the file itself, and of its debug file.
    private IEnumerable<ElfSymbolTable> ReadTables(Profile.Mapping mapping)
    {
        string[] roots = _process == null ? [""] : [_process.Folder + "/root", ""];
        IEnumerable<byte[]> files = mapping.File == "[vdso]" ? Vdso(mapping) : roots.SelectMany(root => FileText.Of(root + mapping.File));
        if (_process != null)
        {
            // What has no name any more may be had by its mapping.
            files = files.Concat(FileText.Of($"{_process.Folder}/map_files/{mapping.Start:x}-{mapping.End:x}"));
        }

        ElfSymbolTable? table = files.Select(ElfSymbolTable.Of).FirstOrDefault(table => table != null && (mapping.BuildId == "" || table.BuildId == mapping.BuildId));
        if (table == null)
        {
            yield break;
        }

        yield return table;
        if (mapping.BuildId.Length > 2)
        {
            string name = $"/usr/lib/debug/.build-id/{mapping.BuildId[..2]}/{mapping.BuildId[2..]}.debug";
            ElfSymbolTable? debug = roots.SelectMany(root => FileText.Of(root + name)).Select(ElfSymbolTable.Of).FirstOrDefault(debug => debug?.BuildId == mapping.BuildId);
            if (debug != null)
            {
                yield return debug;
            }
        }
    }

    private IEnumerable<byte[]> Vdso(Profile.Mapping mapping)
    {
        byte[] text = new byte[mapping.End - mapping.Start];
        return _process != null && _process.TryRead(mapping.Start, text) ? [text] : [];
    }

    // What the process's own namespace calls it: the last of "NSpid: 1234 7".
    private static string NumberInside(TargetProcess process) =>
        process.ReadFile("status").Split('\n').FirstOrDefault(line => line.StartsWith("NSpid:"))?.Split('\t')[^1] ?? process.Number.ToString();
}
