namespace NativeMalloc.Inspect;

/// <summary>
/// Finds the functions of a profile's places: in the files that are mapped there, if they are the same by their build ids; in debug files
/// below /usr/lib/debug; and in the list of what a process compiled itself.
/// </summary>
internal sealed class Symbolizer
{
    private readonly TargetProcess? _process;
    private readonly PerfMap _compiled;
    private readonly Dictionary<string, Profile.Function> _functions = [];

    private Symbolizer(TargetProcess? process, string compiled)
    {
        _process = process;
        _compiled = new PerfMap(compiled);
    }

    /// <summary>Of a process that is there.</summary>
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
        IEnumerable<Profile.Location> nameless = profile.Stacks.SelectMany(stack => stack.Stack).Distinct().Where(location => location.Lines.Count == 0);
        foreach (IGrouping<Profile.Mapping?, Profile.Location> group in nameless.GroupBy(location => location.Mapping))
        {
            ElfSymbolTable[] tables = group.Key == null ? [] : [.. TablesOf(group.Key)];
            foreach (Profile.Location location in group)
            {
                string? name = NameIn(tables, location) ?? _compiled.NameAt(location.Address);
                if (name != null)
                {
                    location.Lines.Add(new Profile.Line(FunctionOf(name), 0));
                }
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

    private IEnumerable<ElfSymbolTable> TablesOf(Profile.Mapping mapping)
    {
        string root = _process == null ? "" : _process.Folder + "/root";
        IEnumerable<byte[]> files = mapping.File == "[vdso]" ? [Vdso(mapping)] :
        [
            .. FileAt(root + mapping.File),
            // What was deleted, or lies in another mount namespace, may be had by its mapping.
            .. _process == null ? [] : FileAt($"{_process.Folder}/map_files/{mapping.Start:x}-{mapping.End:x}"),
        ];
        ElfSymbolTable? table = files.Select(ElfSymbolTable.Of).FirstOrDefault(table => table != null && (mapping.BuildId == "" || table.BuildId == mapping.BuildId));
        if (table == null)
        {
            yield break;
        }

        yield return table;
        if (mapping.BuildId.Length > 2)
        {
            string name = $"/usr/lib/debug/.build-id/{mapping.BuildId[..2]}/{mapping.BuildId[2..]}.debug";
            foreach (string folder in new[] { root, "" }.Distinct())
            {
                if (FileAt(folder + name).Select(ElfSymbolTable.Of).FirstOrDefault() is ElfSymbolTable debug && debug.BuildId == mapping.BuildId)
                {
                    yield return debug;
                    yield break;
                }
            }
        }
    }

    private byte[] Vdso(Profile.Mapping mapping)
    {
        byte[] text = new byte[mapping.End - mapping.Start];
        return _process != null && _process.TryRead(mapping.Start, text) ? text : [];
    }

    // The file's text, if it can be read. Not a device, which might never end.
    private static IEnumerable<byte[]> FileAt(string path)
    {
        byte[] text;
        try
        {
            if (!path.StartsWith('/') || !File.Exists(path) || (File.ResolveLinkTarget(path, returnFinalTarget: false) == null && new FileInfo(path).Length == 0))
            {
                yield break;
            }

            text = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        yield return text;
    }

    // What the process's own namespace calls it: the last of "NSpid: 1234 7".
    private static string NumberInside(TargetProcess process) =>
        process.ReadFile("status").Split('\n').FirstOrDefault(line => line.StartsWith("NSpid:"))?.Split('\t')[^1] ?? process.Number.ToString();
}
