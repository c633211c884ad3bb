using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>What build.sh made: the file itself.</summary>
public sealed class LibraryFileTests
{
    [Fact]
    public void NeedsNoOtherLibrary()
    {
        string dynamic = new Command("readelf", "-dW", Repository.Library).Run().Succeeded().Output;
        Assert.Contains("SONAME", dynamic);
        Assert.DoesNotContain("NEEDED", dynamic);
        Assert.Contains("NODELETE", dynamic);
    }

    [Fact]
    public void ExportsExactlyTheListedNamesWithoutVersions()
    {
        string[] listed = File.ReadAllLines(Path.Combine(Repository.Root, "Shim", "exports.txt"));
        string[] exported = new Command("nm", "-D", "--defined-only", Repository.Library).Run().Succeeded().Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[2]).ToArray();
        Assert.Equal(listed.Order(StringComparer.Ordinal), exported.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void StaticLibraryDefinesTheSameNamesAndNoOthers()
    {
        // A static program's dlopen is left alone. New with nothrow is the C++ runtime's there; the operators lead from one member to the other under names of our own.
        // By _.stapsdt.base readers of the probes' notes find their way: a program has one.
        string[] exported = File.ReadAllLines(Path.Combine(Repository.Root, "Shim", "exports.txt"));
        IEnumerable<string> listed = exported.Where(name => !Regex.IsMatch(name, "^_Zn.*nothrow|^dlopen$"))
            .Concat(exported.Where(name => name.StartsWith("_Z")).Select(name => "nm" + name)).Concat(["nm_linked_cxx_runtime", "_.stapsdt.base"]);
        string[] defined = new Command("nm", "-g", "--defined-only", Repository.StaticLibrary).Run().Succeeded().Output
            .Split('\n').Where(line => line.Length > 19).Select(line => line.Split(' ')[2]).ToArray();
        Assert.Equal(listed.Order(StringComparer.Ordinal), defined.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void IsSmallAndKeepsItsThreadLocalStorageSmall()
    {
        string headers = new Command("readelf", "-lW", Repository.Library).Run().Succeeded().Output;
        Match tls = Regex.Match(headers, @"TLS\s+\S+\s+\S+\s+\S+\s+\S+\s+(0x[0-9a-f]+)");
        Assert.True(tls.Success, headers);
        Assert.InRange(Convert.ToInt32(tls.Groups[1].Value, 16), 1, 168);

        string stripped = Path.Combine(Repository.NewFolder("stripped"), "library.so");
        new Command("strip", "-o", stripped, Repository.Library).Run().Succeeded();
        Assert.InRange(new FileInfo(stripped).Length, 1, 300 * 1024 - 1);
    }

    // By which the command finds the structures, in the library and in programs that have the archive.
    [Fact]
    public void NoteThatLeadsToTheStructuresSurvivesStripAndLinking()
    {
        string folder = Repository.NewFolder("note");
        string program = Path.Combine(folder, "program");
        new Command(
            "gcc", "-O1", "-fno-builtin", "-pthread", "-static", "-Wl,--gc-sections", Path.Combine(Repository.Programs, "threads.c"), Repository.StaticLibrary,
            "-o", program).Run().Succeeded();
        string layout = new Command(Path.Combine(Repository.Root, "packaging", "layout.sh")).Run().Succeeded().Output.Trim()[2..];
        string bytes = string.Join(' ', Convert.FromHexString(layout).Reverse().Select(one => one.ToString("x2")));
        foreach (string file in (string[])[Repository.Library, program])
        {
            string stripped = Path.Combine(folder, "stripped");
            new Command("strip", "-o", stripped, file).Run().Succeeded();
            Assert.Contains(bytes, new Command("readelf", "-nW", stripped).Run().Succeeded().Output);
            Assert.Matches(@"NOTE .*\n(.*\n)*.*\.note\.nativemalloc", new Command("readelf", "-lW", stripped).Run().Succeeded().Output);
        }
    }

    // What is listed and gone would be a method renamed: perf/order.sh writes the list anew.
    [Fact]
    public void WhatOrdinaryProgramsComeToLiesTogether()
    {
        string[] listed = File.ReadAllLines(Path.Combine(Repository.Root, "NativeMalloc", "MethodOrder.txt"));
        string[] placed = new Command("nm", "-n", Repository.Library).Run().Succeeded().Output
            .Split('\n').Select(line => Regex.Match(line, " [tT] (NativeMalloc_(?:NativeMalloc|System)_.*)").Groups[1].Value).Where(name => name != "").ToArray();
        Assert.Equal(listed, placed.Take(listed.Length));
    }

    [Fact]
    public void DebuggerSeesSourceLinesOfCSharpAndOfTheShim()
    {
        string lines = new Command(
            "gdb", "-batch", "-ex", "info line malloc", "-ex", "info line nm_push_full", "-ex", "info line nm_pop", Repository.Library)
            .Run().Succeeded().Output;
        Assert.Contains("Malloc.cs", lines);
        Assert.Contains("Intercept.cs", lines);
        Assert.Contains("rseq.S", lines);
    }

    [Fact]
    public void BuildingAgainDoesNothing()
    {
        DateTime before = File.GetLastWriteTimeUtc(Repository.Library);
        Outcome outcome = new Command(Path.Combine(Repository.Root, "build.sh")).Run().Succeeded();
        Assert.Equal("", outcome.Output + outcome.Error);
        Assert.Equal(before, File.GetLastWriteTimeUtc(Repository.Library));
    }
}
