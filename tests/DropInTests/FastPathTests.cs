using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>The machine code from the first instruction of malloc and of free to the return.</summary>
public sealed class FastPathTests
{
    private const int MaxInstructions = 36;

    [Theory]
    [InlineData("malloc", "nm_pop")]
    [InlineData("_Znwm", "nm_pop")]
    [InlineData("free", "nm_push")]
    [InlineData("_ZdlPv", "nm_push")]
    public void HoldsNoLockNoCallAndNoStoreToTheRseqAreaButRseqCs(string function, string sequence)
    {
        string[] way = [.. Disassemble(function, $"jmp .*<{sequence}>"), .. Disassemble(sequence, "ret")];
        Assert.InRange(way.Length, 10, MaxInstructions);
        Assert.DoesNotContain(way, instruction => Regex.IsMatch(instruction, @"\block\b|\bxchg\b|\bcall\b|\bsyscall\b|\bmfence\b"));

        // The area is reached by fs alone: loads of the index and of the table, and the store to rseq_cs. The countdown is this library's own.
        string[] stores = way.Where(instruction => Regex.IsMatch(instruction, @",%fs:")).ToArray();
        string[] counts = sequence == "nm_pop" ? ["sub    %rdi,%fs:0x8(%r9)"] : [];
        Assert.Equal(["mov    %rax,%fs:(%r9,%r8,1)", .. counts], stores);
        Assert.Contains(way, instruction => Regex.IsMatch(instruction, @"mov +0x[0-9a-f]+\(%rip\),%r8 .*<nm_rseq_cs_distance>"));

        // One store commits, and it is the last thing done. Without an index, as the load: else Intel's cores wait for it in the next operation.
        Assert.Matches(@"^ret", way[^1]);
        Assert.Equal("mov    %ecx,(%r8)", way[^2]);
        Assert.Contains("mov    (%r8),%ecx", way);
    }

    [Theory]
    [InlineData("nm_pop")]
    [InlineData("nm_push")]
    [InlineData("nm_pop_batch")]
    [InlineData("nm_push_batch")]
    [InlineData("nm_swap_header")]
    public void SequencesCallNothing(string sequence) =>
        Assert.DoesNotContain(Disassemble(sequence, null), instruction => Regex.IsMatch(instruction, @"\bcall\b|\bsyscall\b|\block\b"));

    // The instructions of a function up to the first that matches "last", or all of them.
    private static List<string> Disassemble(string function, string? last)
    {
        string listing = new Command("gdb", "-batch", "-ex", $"disassemble {function}", Repository.Library).Run().Succeeded().Output;
        List<string> instructions = [];
        foreach (string line in listing.Split('\n'))
        {
            Match match = Regex.Match(line, @"^\s+0x[0-9a-f]+ <\+\d+>:\s+(.*)$");
            if (!match.Success)
            {
                continue;
            }

            // gdb puts one blank or tab between name and operands; one form for the patterns above.
            string instruction = Regex.Replace(match.Groups[1].Value.Trim(), @"^(\S+)\s+", m => m.Groups[1].Value.PadRight(6) + " ");
            instructions.Add(instruction);
            if (last != null && Regex.IsMatch(instruction, last))
            {
                return instructions;
            }
        }

        Assert.True(last == null, $"{function} has no '{last}':\n{listing}");
        return instructions;
    }
}
