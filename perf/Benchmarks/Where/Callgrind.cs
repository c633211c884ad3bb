using System.Globalization;
using System.Text.RegularExpressions;

namespace NativeMalloc.Benchmarks.Where;

/// <summary>Runs a program in callgrind, and tells the allocator's share of it from the rest.</summary>
internal static partial class Callgrind
{
    // A server's core of these years has such caches for itself. Those that all cores share are not simulated: others' programs are in them.
    private const string Options = "--tool=callgrind --cache-sim=yes --I1=32768,8,64 --D1=49152,12,64 --LL=1048576,16,64 --trace-children=yes"
        + " --fair-sched=try --dump-instr=yes --dump-line=no --compress-pos=no --compress-strings=no";

    /// <summary>The profile of a command under an allocator; null if it does not run so.</summary>
    internal static Emulated? Run(string command, Allocator allocator, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (string old in Directory.GetFiles(folder))
        {
            File.Delete(old);
        }

        // The copy that valgrind can read.
        allocator = allocator.Kind == AllocatorKind.Ours ? allocator with { Preload = Path.GetFullPath("out/perf/where/libnativemalloc.so") } : allocator;
        int code = Shell.Run($"LD_PRELOAD={allocator.Preload} NATIVEMALLOC_INDEX=thread valgrind {Options} --callgrind-out-file={folder}/%p {command}", out _);
        Graph graph = new(allocator);
        foreach (string file in Directory.GetFiles(folder))
        {
            graph.Read(file);
            File.Delete(file);
        }

        return code == 0 ? graph.Sum() : null;
    }

    // A function in an object; of the C library's, glibc's malloc is what comes from its files.
    private readonly record struct Function(string Object, string Name);

    private sealed partial class Graph(Allocator allocator)
    {
        private readonly Dictionary<Function, Cost> _own = [];
        private readonly Dictionary<(Function From, Function To), Cost> _calls = [];
        private readonly HashSet<Function> _inside = [];
        private readonly Dictionary<string, HashSet<long>> _locking = [];
        private long _locked;

        // Lines of a profile are told apart by what they begin with: objects, files, functions, calls, and costs by instruction's address.
        internal void Read(string file)
        {
            string holder = "", source = "", calledHolder = "", calledSource = "";
            Function function = default, called = default;
            bool ofCall = false;
            foreach (string line in File.ReadLines(file))
            {
                if (line.StartsWith("0x"))
                {
                    string[] fields = line.Split(' ');
                    Cost cost = CostOf(fields);
                    if (ofCall)
                    {
                        _calls[(function, called)] = _calls.GetValueOrDefault((function, called)) + cost;
                        (calledHolder, calledSource) = (holder, source);
                    }
                    else
                    {
                        _own[function] = _own.GetValueOrDefault(function) + cost;
                        if (Locking(function.Object).Contains(long.Parse(fields[0].AsSpan(2), NumberStyles.HexNumber)))
                        {
                            _locked += cost.Instructions;
                        }
                    }

                    ofCall = false;
                }
                else if (Value("ob=") is { } inObject)
                {
                    calledHolder = holder = inObject;
                }
                else if (Value("fl=") is { } inSource)
                {
                    calledSource = source = inSource;
                }
                else if (Value("fn=") is { } name)
                {
                    function = Note(holder, source, name);
                }
                else if (Value("cob=") is { } otherObject)
                {
                    calledHolder = otherObject;
                }
                else if ((Value("cfi=") ?? Value("cfl=")) is { } otherSource)
                {
                    calledSource = otherSource;
                }
                else if (Value("cfn=") is { } calledName)
                {
                    called = Note(calledHolder, calledSource, calledName);
                }
                else if (line.StartsWith("calls="))
                {
                    ofCall = true;
                }

                string? Value(string key) => line.StartsWith(key) ? line[key.Length..] : null;
            }
        }

        internal Emulated Sum()
        {
            // Calls from one library to another go through a table that belongs to none here: the allocator's is what only it calls.
            ILookup<Function, Function> callers = _calls.Keys.ToLookup(call => call.To, call => call.From);
            foreach (Function table in _own.Keys.Where(function => function.Object == "???" && callers[function].Any() && callers[function].All(_inside.Contains)))
            {
                _inside.Add(table);
            }

            Cost all = Add(_own.Values), own = Add(_own.Where(function => _inside.Contains(function.Key)).Select(function => function.Value));
            Cost calls = Add(_calls.Where(call => _inside.Contains(call.Key.From) && !_inside.Contains(call.Key.To)).Select(call => call.Value));
            var functions = _own.Where(function => _inside.Contains(function.Key)).Select(function => KeyValuePair.Create(function.Key.Name, function.Value))
                .OrderByDescending(function => function.Value.Instructions).Take(12);
            return new(own + calls, all - own - calls, _locked, [.. functions]);
        }

        private static Cost Add(IEnumerable<Cost> costs) => costs.Aggregate(default(Cost), (sum, cost) => sum + cost);

        // Address, then Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw; what is zero up to the end is left out.
        private static Cost CostOf(string[] fields)
        {
            return new(At(1), At(5) + At(6), At(8) + At(9));
            long At(int place) => place < fields.Length && fields[place].Length > 0 ? long.Parse(fields[place]) : 0;
        }

        private Function Note(string holder, string source, string name)
        {
            Function function = new(holder, Recursion().Replace(name, ""));
            bool inside = allocator.Preload != "" ? holder == allocator.Preload : holder.EndsWith("/libc.so.6") && GlibcSource().IsMatch(source);
            if (inside || holder.Contains("/libstdc++.so") && (name.StartsWith("operator new") || name.StartsWith("operator delete")))
            {
                _inside.Add(function);
            }

            return function;
        }

        // Where the instructions of an object are that lock a cache line.
        private HashSet<long> Locking(string holder)
        {
            if (!_locking.TryGetValue(holder, out HashSet<long>? places))
            {
                _locking[holder] = places = [];
                if (holder == allocator.Preload || holder.EndsWith("/libc.so.6"))
                {
                    Shell.Run($"objdump -d --no-show-raw-insn {holder}", out string code);
                    places.UnionWith(LockedInstruction().Matches(code).Select(match => long.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber)));
                }
            }

            return places;
        }

        [GeneratedRegex(@"'\d+$")]
        private static partial Regex Recursion();

        [GeneratedRegex(@"/malloc/(malloc|arena)\.c$")]
        private static partial Regex GlibcSource();

        [GeneratedRegex(@"^\s*([0-9a-f]+):\s+(?:lock |xchg .*\()", RegexOptions.Multiline)]
        private static partial Regex LockedInstruction();
    }
}
