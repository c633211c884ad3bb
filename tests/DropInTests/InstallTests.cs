using System.Text.RegularExpressions;
using Xunit;

namespace NativeMalloc.DropInTests;

/// <summary>make install, make uninstall and make deb: what they leave where.</summary>
public sealed class InstallTests
{
    private static string[] FilesBelow(string prefix, string libraries) =>
    [
        .. new[]
        {
            prefix + "bin/nativemalloc",
            prefix + "include/nativemalloc.h",
            libraries + "cmake/NativeMalloc/NativeMallocConfig.cmake",
            libraries + "cmake/NativeMalloc/NativeMallocConfigVersion.cmake",
            libraries + "libnativemalloc.a",
            libraries + "libnativemalloc.so",
            libraries + "libnativemalloc.so.0",
            libraries + "libnativemalloc.so." + Installation.Version,
            libraries + "pkgconfig/nativemalloc.pc",
            prefix + "libexec/nativemalloc-inspect",
            prefix + "share/bash-completion/completions/nativemalloc",
            prefix + "share/nativemalloc/grafana-dashboard.json",
            prefix + "share/nativemalloc/prometheus-rules.yml",
        },
    ];

    [Fact]
    public void FilesLieWherePrefixSaysBelowDestdir()
    {
        string stage = Repository.NewFolder("stage");
        Installation.Make("install", "DESTDIR=" + stage, "PREFIX=/opt/it");
        string[] expected = [.. FilesBelow("opt/it/", "opt/it/lib/"), "opt/it/share/man/man1/nativemalloc.1", "opt/it/share/zsh/site-functions/_nativemalloc"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Installation.Files(stage));

        // No file but the header's and the libraries' debug information names the stage.
        Assert.DoesNotContain(stage, File.ReadAllText(Path.Combine(stage, "opt/it/lib/pkgconfig/nativemalloc.pc")));
        Assert.StartsWith("prefix=/opt/it\n", File.ReadAllText(Path.Combine(stage, "opt/it/lib/pkgconfig/nativemalloc.pc")));
        Assert.Equal(
            Path.Combine(stage, "opt/it/lib/libnativemalloc.so." + Installation.Version),
            new FileInfo(Path.Combine(stage, "opt/it/lib/libnativemalloc.so")).ResolveLinkTarget(returnFinalTarget: true)!.FullName);
    }

    [Fact]
    public void InstallingOverARunningLibraryReplacesTheFile()
    {
        string stage = Repository.NewFolder("stage");
        Installation.Make("install", "DESTDIR=" + stage, "PREFIX=/usr");
        string library = Path.Combine(stage, "usr/lib/libnativemalloc.so." + Installation.Version);
        string Inode() => new Command("stat", "-c", "%i", library).Run().Succeeded().Output;
        string before = Inode();
        Installation.Make("install", "DESTDIR=" + stage, "PREFIX=/usr");
        Assert.NotEqual(before, Inode());
    }

    [Fact]
    public void UninstallRemovesWhatInstallPutThereAndNothingElse()
    {
        string stage = Repository.NewFolder("stage");
        Directory.CreateDirectory(Path.Combine(stage, "usr/lib/cmake"));
        File.WriteAllText(Path.Combine(stage, "usr/lib/other.so"), "");
        Installation.Make("install", "DESTDIR=" + stage, "PREFIX=/usr", "LIBDIR=/usr/lib/here");
        Installation.Make("uninstall", "DESTDIR=" + stage, "PREFIX=/usr", "LIBDIR=/usr/lib/here");
        Assert.Equal(["usr/lib/other.so"], Installation.Files(stage));
        Assert.False(Directory.Exists(Path.Combine(stage, "usr/lib/here/cmake/NativeMalloc")));
        Assert.False(Directory.Exists(Path.Combine(stage, "usr/share/nativemalloc")));
    }

    [Fact]
    public void PathsThatAreNotAbsoluteAreRefused()
    {
        Outcome outcome = new Command(Path.Combine(Repository.Root, "packaging", "install.sh")).With("PREFIX", "here").Run();
        Assert.Equal((1, "install.sh: 'here' is not an absolute path\n"), (outcome.ExitCode, outcome.Error));
    }

    [Fact]
    public void LibraryAsksToBeFoundByItsSoname() =>
        Assert.Matches(
            @"SONAME.*\[libnativemalloc\.so\.0\]",
            new Command("readelf", "-dW", Repository.Library).Run().Succeeded().Output);

    [Fact]
    public void DebianPackageHoldsTheSame()
    {
        Installation.Make("deb");
        string package = Path.Combine(Repository.Root, "out", $"libnativemalloc_{Installation.Version}_amd64.deb");
        string control = new Command("dpkg-deb", "--field", package).Run().Succeeded().Output;
        Assert.Contains("Package: libnativemalloc\n", control);
        Assert.Contains($"Version: {Installation.Version}\n", control);
        Assert.Contains("Architecture: amd64\n", control);
        Assert.Matches(@"(?m)^Maintainer: .+ <.+@.+>$", control);
        string symbols = new Command("nm", "-D", Path.Combine(Repository.Root, "out", "nativemalloc-inspect")).Run().Succeeded().Output;
        Version newest = Regex.Matches(symbols, @"@GLIBC_([0-9.]+)").Max(match => Version.Parse(match.Groups[1].Value))!;
        Assert.Contains($"Depends: libc6 (>= {newest})\n", control);
        Assert.Matches(@"(?m)^Description: .{10,75}\n .", control);
        Assert.All(
            new Command("dpkg-deb", "--contents", package).Run().Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches(@"^(d|l|-)[rwx-]{9} root/root ", line));

        string root = Repository.NewFolder("deb");
        new Command("dpkg", "-x", package, root).Run().Succeeded();
        string[] documents = ["usr/share/doc/libnativemalloc/THIRD-PARTY-NOTICES.gz", "usr/share/doc/libnativemalloc/changelog.gz", "usr/share/doc/libnativemalloc/copyright"];
        string[] others = ["usr/share/lintian/overrides/libnativemalloc", "usr/share/man/man1/nativemalloc.1.gz", "usr/share/zsh/vendor-completions/_nativemalloc"];
        string[] expected = [.. FilesBelow("usr/", "usr/lib/x86_64-linux-gnu/"), .. documents, .. others];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Installation.Files(root));
        Assert.Contains("License: Expat", File.ReadAllText(Path.Combine(root, documents[^1])));

        new Command("dpkg-deb", "--control", package, Path.Combine(root, "control")).Run().Succeeded();
        new Command("md5sum", "--check", "--quiet", "control/md5sums").In(root).Run().Succeeded();

        // As it is used: preloaded by the command, and linked with.
        string file = Path.Combine(root, "it.json");
        new Command(Path.Combine(root, "usr/bin/nativemalloc"), "--stats=json:" + file, "true").Run().Succeeded();
        Assert.True(Statistics.Read(file).GetProperty("active").GetBoolean());
        string consumer = Path.Combine(Repository.Root, "tests", "consumer", "consumer.c");
        string link = $"gcc -static {consumer} $(pkg-config --static --cflags --libs nativemalloc) -o {root}/consumer && {root}/consumer";
        Assert.Equal(
            Installation.Version + " active\n",
            Command.Shell(link).With("PKG_CONFIG_LIBDIR", root + "/usr/lib/x86_64-linux-gnu/pkgconfig").With("PKG_CONFIG_SYSROOT_DIR", root)
                .Run().Succeeded().Output);
    }

    [Fact]
    public void ManualNamesEveryOptionThatTheHelpNames()
    {
        string help = new Command(Installation.Program, "--help").Run().Succeeded().Output;
        string manual = File.ReadAllText(Path.Combine(Installation.Prefix, "share/man/man1/nativemalloc.1")).Replace("\\", "");
        string[] options = Regex.Matches(help, "--[a-z]+").Select(match => match.Value).Distinct().ToArray();
        Assert.Equal(5, options.Length);
        Assert.All(options, option => Assert.Contains(option, manual));
    }
}
