using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>
/// Real programs, each with an input that is real or made by a seeded generator (tests/workloads): the same output with the
/// library as without. NATIVEMALLOC_TEST_RUNS repeats each; "make soak" asks for 20, and for larger inputs.
/// </summary>
public sealed class RealProgramTests
{
    private static readonly int s_runs = int.Parse(Environment.GetEnvironmentVariable("NATIVEMALLOC_TEST_RUNS") ?? "1");

    public static TheoryData<string> Workloads
    {
        get
        {
            TheoryData<string> names = [];
            foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "tests", "workloads"), "*.sh").Order())
            {
                names.Add(Path.GetFileNameWithoutExtension(file));
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Workloads))]
    public void OutputIsTheSame(string workload)
    {
        string expected = Run(workload, preload: "").Output;
        Assert.NotEqual("", expected);
        for (int run = 0; run < s_runs; run++)
        {
            Outcome outcome = Run(workload, Repository.Library);
            Assert.Equal(expected, outcome.Output);
            Assert.DoesNotContain("nativemalloc:", outcome.Error);
            Assert.DoesNotContain("cannot be preloaded", outcome.Error);
        }
    }

    // The script's own shell runs without the library; it puts PRELOAD before the programs that it is about.
    private static Outcome Run(string workload, string preload)
    {
        string folder = Repository.NewFolder(workload);
        Outcome outcome = new Command("bash", "-eu", Path.Combine(Repository.Root, "tests", "workloads", workload + ".sh"))
            .In(folder).With("PRELOAD", preload).With("LARGE", s_runs > 1 ? "1" : "").Run().Succeeded();
        Directory.Delete(folder, recursive: true);
        return outcome;
    }
}
