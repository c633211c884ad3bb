using System.Buffers.Binary;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>NativeMalloc in a process: the shared library, or what a program has of the archive.</summary>
internal sealed unsafe class Library
{
    private readonly TargetProcess _process;
    private readonly LoadedImage.Note _note;
    private readonly ulong _root;

    private Library(TargetProcess process, LoadedImage.Note note)
    {
        _process = process;
        _note = note;
        // Shim/root.S: the layout, then the distance from here to the root, then the version.
        _root = note.Address + 8 + BinaryPrimitives.ReadUInt64LittleEndian(note.Text.AsSpan(8));
    }

    /// <summary>Where the structures are found from.</summary>
    internal Roots Roots
    {
        get
        {
            Roots roots = _process.Read<Roots>(_root);
            return roots.Sampler != null ? roots : throw _process.Refuse("has only just started: try again");
        }
    }

    /// <summary>Finds it by its note, wherever it is.</summary>
    internal static Library In(TargetProcess process, List<LoadedImage> images)
    {
        LoadedImage? image = images.FirstOrDefault(image => image.Notes.Any(IsOurs));
        if (image == null)
        {
            throw process.Refuse("does not run on NativeMalloc: start its program by 'nativemalloc PROGRAM'");
        }

        LoadedImage.Note note = image.Notes.First(IsOurs);
        if (BinaryPrimitives.ReadUInt64LittleEndian(note.Text) != Layout.Id)
        {
            string version = Encoding.ASCII.GetString(note.Text.AsSpan(16)).TrimEnd('\0');
            throw process.Refuse(
                $"runs on NativeMalloc {version} of another build than this command's ({Layout.Version}): use the command that was installed with {image.Line.Path}");
        }

        return new Library(process, note);
    }

    /// <summary>The library is still where it was, and the process has not begun another program: else nothing may be written.</summary>
    internal void EnsureStillThere()
    {
        byte[] now = new byte[_note.Text.Length];
        if (!_process.TryRead(_note.Address, now) || !now.AsSpan().SequenceEqual(_note.Text))
        {
            throw _process.Changed();
        }
    }

    private static bool IsOurs(LoadedImage.Note note) => note is { Owner: "NativeMalloc", Type: 1, Text.Length: > 16 };
}
