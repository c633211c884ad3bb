using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What tracers read in the file about the probes: as readelf shows it.</summary>
public sealed class ProbeNoteTests
{
    private static readonly Dictionary<string, string> s_arguments = new() { ["alloc"] = "8@%rdi 8@%rsi 8@%rdx", ["free"] = "8@%rdi" };

    [Theory]
    [InlineData("library")]
    [InlineData("stripped")]
    [InlineData("-pie")]
    [InlineData("-no-pie")]
    [InlineData("-static")]
    [InlineData("-static-pie")]
    [InlineData("-Wl,--gc-sections")]
    public void NotesSayWhereTheProbesAreAndTheirSemaphores(string kind)
    {
        string file = kind switch
        {
            "library" => Repository.Library,
            "stripped" => Stripped(Repository.Library),
            _ => Stripped(Linked("threads", kind, "-pthread")), // the notes say enough without symbols
        };
        IReadOnlyList<Note> notes = NotesIn(file);
        Assert.Equal(s_arguments.Keys.Order(), notes.Select(note => note.Name).Order());
        Assert.All(notes, note => AssertIsRight(file, note));
        Assert.Equal(2, notes.Select(note => note.Semaphore).Distinct().Count());
    }

    // A program has one base, by which readers tell how far all its notes were moved.
    [Theory]
    [InlineData("-pie")]
    [InlineData("-static")]
    public void AProgramsOwnProbesStandBesideThem(string kind)
    {
        string file = Linked("own_probe", kind);
        IReadOnlyList<Note> notes = NotesIn(file);
        Assert.Equal(["alloc", "allocated", "free"], notes.Select(note => note.Name).Order());
        Assert.All(notes.Where(note => note.Name != "allocated"), note => AssertIsRight(file, note));
        Assert.Equal(SectionOf(file, ".stapsdt.base").Start, Assert.Single(notes.Select(note => note.Base).Distinct()));
        new Command(file).Run().Succeeded();
    }

    // Behind the place a function ends that has looked at the semaphore.
    private static void AssertIsRight(string file, Note note)
    {
        Assert.Equal("otel_memory", note.Provider);
        Assert.Equal(s_arguments[note.Name], note.Arguments);
        Assert.Equal(SectionOf(file, ".stapsdt.base").Start, note.Base);
        (ulong start, ulong end, string flags) = SectionOf(file, ".probes");
        Assert.InRange(note.Semaphore, start, end - 2);
        Assert.Equal("WA", flags);
        string code = new Command(
            "gdb", "-batch", "-ex", $"x/4i {note.Location - 10:#0}", "-ex", $"x/hd {note.Semaphore:#0}", file)
            .Run().Succeeded().Output;
        Assert.Matches($@"(?s)cmpw +\$0x0,[^\n]*# 0x{note.Semaphore:x}\b.*\tje +0x{note.Location + 1:x}\b.*0x0*{note.Location:x}\b[^\n]*:\tnop\n.*:\tret", code);
        Assert.Matches(@":\t0\n", code);
    }

    private static IReadOnlyList<Note> NotesIn(string file) =>
        [.. Regex.Matches(
                new Command("readelf", "-nW", file).Run().Succeeded().Output,
                @"Provider: (\S+)\s+Name: (\S+)\s+Location: 0x(\w+), Base: 0x(\w+), Semaphore: 0x(\w+)\s+Arguments: ([^\n]*)")
            .Select(match => match.Groups).Select(found => new Note(
                found[1].Value, found[2].Value, Hex(found[3].Value), Hex(found[4].Value), Hex(found[5].Value), found[6].Value.Trim()))];

    private static (ulong Start, ulong End, string Flags) SectionOf(string file, string name)
    {
        Match match = Regex.Match(
            new Command("readelf", "-SW", file).Run().Succeeded().Output, $@"\] {Regex.Escape(name)} +PROGBITS +(\w+) \w+ (\w+) \w+ +(\w+)");
        Assert.True(match.Success, name);
        return (Hex(match.Groups[1].Value), Hex(match.Groups[1].Value) + Hex(match.Groups[2].Value), match.Groups[3].Value);
    }

    private static string Linked(string program, params string[] flags)
    {
        string file = Path.Combine(Repository.NewFolder("probes"), program);
        string source = Path.Combine(Repository.Programs, program + ".c");
        new Command("gcc", ["-O1", "-fno-builtin", .. flags, source, Repository.StaticLibrary, "-o", file]).Run().Succeeded();
        return file;
    }

    private static string Stripped(string file)
    {
        string stripped = Path.Combine(Repository.NewFolder("probes"), "stripped");
        new Command("strip", "-o", stripped, file).Run().Succeeded();
        return stripped;
    }

    private static ulong Hex(string digits) => Convert.ToUInt64(digits, 16);

    private sealed record Note(string Provider, string Name, ulong Location, ulong Base, ulong Semaphore, string Arguments);
}
