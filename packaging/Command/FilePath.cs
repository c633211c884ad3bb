namespace NativeMalloc.Inspect;

/// <summary>Files that a command line names: what is wrong with the name, in one line.</summary>
internal static class FilePath
{
    /// <summary>What was given instead of a process's number.</summary>
    internal static string OrNumber(string path) =>
        Directory.Exists(path) ? throw new Refusal($"{path}: is a directory")
        : File.Exists(path) ? path
        : throw new Refusal($"{path}: there is no such file, nor is it a process's number");

    /// <summary>A file to be written.</summary>
    internal static FileStream Create(string path) =>
        Directory.Exists(path) ? throw new Refusal($"{path}: is a directory") : File.Create(path);
}
