using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// What debuggers and the kernel read about the restartable sequences, against the code: the descriptors, the list of them, and
/// the list of the places where a sequence is left other than by its end.
/// </summary>
public sealed class DebuggerSectionsTests
{
    private const string Signature = "0x53053053";

    private static readonly Dictionary<string, string> s_slowPaths = new()
    {
        ["nm_pop"] = "NativeMalloc_NativeMalloc_CpuCache__PopEmpty",
        ["nm_push"] = "NativeMalloc_NativeMalloc_Intercept__PushFull",
        ["nm_pop_batch"] = "nm_other_slab",
        ["nm_push_batch"] = "nm_other_slab",
        ["nm_swap_header"] = "nm_other_slab",
    };

    private readonly Dictionary<string, (ulong Start, ulong Size)> _sections = [];
    private readonly Dictionary<ulong, ulong> _relocations = [];

    public DebuggerSectionsTests()
    {
        foreach (Match match in Regex.Matches(
            new Command("readelf", "-SW", Repository.Library).Run().Succeeded().Output,
            @"\] (\S+) +\S+ +([0-9a-f]{16}) [0-9a-f]+ ([0-9a-f]+) "))
        {
            _sections[match.Groups[1].Value] = (Hex(match.Groups[2].Value), Hex(match.Groups[3].Value));
        }

        foreach (Match match in Regex.Matches(
            new Command("readelf", "-rW", Repository.Library).Run().Succeeded().Output,
            @"(?m)^([0-9a-f]{16}) +\S+ +R_X86_64_RELATIVE +([0-9a-f]+)"))
        {
            _relocations[Hex(match.Groups[1].Value)] = Hex(match.Groups[2].Value);
        }
    }

    [Fact]
    public void EveryDescriptorIsListedAndSaysWhatTheCodeIs()
    {
        List<ulong> descriptors = Pointers("__rseq_cs_ptr_array");
        (ulong start, ulong size) = _sections["__rseq_cs"];
        Assert.Equal(Enumerable.Range(0, (int)(size / 32)).Select(i => start + 32 * (ulong)i), descriptors.Order());

        List<string> functions = [];
        foreach (ulong descriptor in descriptors)
        {
            Assert.Equal(0UL, descriptor % 32);
            (ulong first, ulong length, ulong abort) = Read(descriptor);
            Assert.InRange(length, 20UL, 120UL);
            Assert.False(abort >= first && abort < first + length);
            Assert.Contains(Signature, Gdb($"x/wx {abort - 4:#0}"));

            // Both ends lie in one function; after the last instruction, which stores, it returns; an abort goes on to the slow path,
            // so that who stops at each instruction comes through.
            string function = FunctionOf(first);
            functions.Add(function);
            Assert.Equal(function, FunctionOf(first + length));
            string[] code = Disassemble(first, first + length + 1).Split('\n');
            Assert.Matches($@"0x0*{first + length:x} .*\tret", code[^1]);
            Assert.Matches(@"\tmov +%\w+,\(%r(8|\w+,%r\w+,8)\)$", code[^2]);
            Assert.Equal(s_slowPaths[function], Regex.Match(Gdb($"x/i {abort:#0}"), @"\sjmp .*<(\w+)>$").Groups[1].Value);
        }

        Assert.Equal(s_slowPaths.Keys.Order(StringComparer.Ordinal), functions.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryExitIsListed()
    {
        Dictionary<ulong, ulong> lengths = Pointers("__rseq_cs_ptr_array").Select(Read).ToDictionary(one => one.First, one => one.Length);
        List<ulong> pointers = Pointers("__rseq_exit_point_array");
        HashSet<(ulong, ulong)> listed = [.. pointers.Chunk(2).Select(pair => (pair[0], pair[1]))];
        HashSet<(ulong, ulong)> found = [];
        foreach ((ulong first, ulong length) in lengths)
        {
            foreach (Match jump in Regex.Matches(
                Disassemble(first, first + length), @"0x([0-9a-f]+) <[^>]*>:\tj\w+ +0x([0-9a-f]+)"))
            {
                ulong at = Hex(jump.Groups[1].Value);
                ulong target = Hex(jump.Groups[2].Value);
                if (target < first || target >= first + length)
                {
                    found.Add((first, at));
                }
            }
        }

        Assert.Equal(found.Order(), listed.Order());
    }

    private (ulong First, ulong Length, ulong Abort) Read(ulong descriptor)
    {
        Match length = Regex.Match(Gdb($"x/gx {descriptor + 16:#0}"), @":\s+0x([0-9a-f]+)");
        return (_relocations[descriptor + 8], Hex(length.Groups[1].Value), _relocations[descriptor + 24]);
    }

    // The addresses that a section's words will hold, in order.
    private List<ulong> Pointers(string section)
    {
        (ulong start, ulong size) = _sections[section];
        return [.. Enumerable.Range(0, (int)(size / 8)).Select(i => _relocations[start + 8 * (ulong)i])];
    }

    private static string FunctionOf(ulong address) => Regex.Match(Gdb($"info symbol {address:#0}"), @"^\w+").Value;

    // One line for each instruction from "first" to before "end".
    private static string Disassemble(ulong first, ulong end) =>
        string.Join('\n', Gdb($"disassemble {first:#0},{end:#0}").Split('\n').Where(line => line.StartsWith("   0x")));

    private static string Gdb(string command) =>
        new Command("gdb", "-batch", "-ex", command, Repository.Library).Run().Succeeded().Output.TrimEnd();

    private static ulong Hex(string digits) => ulong.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
