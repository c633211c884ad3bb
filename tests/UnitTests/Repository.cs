using System;
using System.IO;

namespace NativeMalloc.UnitTests;

/// <summary>The files of the repository that the tests were built in.</summary>
internal static class Repository
{
    internal static string At(string path)
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "build.sh")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return Path.Combine(folder, path);
    }
}
