using System;
using System.IO;
using System.Linq;
using Microsoft.Build.Framework;

namespace NativeMalloc.Tasks;

/// <summary>Writes a copy of an executable that needs one more library, before all others.</summary>
public sealed class NeedLibrary : ITask
{
    public IBuildEngine? BuildEngine { get; set; }

    public ITaskHost? HostObject { get; set; }

    [Required]
    public string Source { get; set; } = "";

    [Required]
    public string Destination { get; set; } = "";

    /// <summary>The library's file name.</summary>
    [Required]
    public string Library { get; set; } = "";

    /// <summary>The folders in which the loader looks for it, with colons in between. $ORIGIN is the executable's.</summary>
    [Required]
    public string SearchPath { get; set; } = "";

    public bool Execute()
    {
        try
        {
            byte[] image = new ElfImage(File.ReadAllBytes(Source)).Needing(Library, SearchPath);
            // What is made of it is then up to date, too.
            if (!File.Exists(Destination) || !File.ReadAllBytes(Destination).SequenceEqual(image))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Destination)!);
                File.WriteAllBytes(Destination, image);
            }

            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            BuildEngine!.LogErrorEvent(new BuildErrorEventArgs(
                "", "NATIVEMALLOC001", Source, 0, 0, 0, 0, $"The apphost could not be made to need {Library}: {failure.Message}", "", nameof(NeedLibrary)));
            return false;
        }
    }
}
