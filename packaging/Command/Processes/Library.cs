using System.Buffers.Binary;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>NativeMalloc in a process: the shared library, or what a program has of the archive.</summary>
internal sealed unsafe class Library
{
    private readonly TargetProcess _process;
    private readonly LoadedImage _image;
    private readonly LoadedImage.Note _note;
    private readonly ulong _root;

    private Library(TargetProcess process, LoadedImage image, LoadedImage.Note note)
    {
        _process = process;
        _image = image;
        _note = note;
        // Shim/root.S: the layout, then the distance from here to the root, then the version.
        _root = note.Address + 8 + BinaryPrimitives.ReadUInt64LittleEndian(note.Text.AsSpan(8));
    }

    internal string Version => Encoding.ASCII.GetString(_note.Text.AsSpan(16)).TrimEnd('\0');

    /// <summary>Its structures lie as this command's do: else nothing of them can be read.</summary>
    internal bool IsThisBuild => BinaryPrimitives.ReadUInt64LittleEndian(_note.Text) == Layout.Id;

    /// <summary>Where the structures are found from.</summary>
    internal Roots Roots
    {
        get
        {
            Roots roots = _process.Read<Roots>(_root);
            return roots.Sampler != null ? roots : throw _process.Refuse("has only just started: try again");
        }
    }

    /// <summary>Finds it by its note, wherever it is, if it is of this build.</summary>
    internal static Library In(TargetProcess process, List<LoadedImage> images)
    {
        Library library = Find(process, images) ?? throw process.Refuse("does not run on NativeMalloc: start its program by 'nativemalloc PROGRAM'");
        return library.IsThisBuild ? library : throw process.Refuse(
            $"runs on NativeMalloc {library.Version} of another build than this command's ({Layout.Version}): use the command that was installed with {library._image.Line.Path}");
    }

    /// <summary>Finds it, of whatever build; null if it is not there.</summary>
    internal static Library? Find(TargetProcess process, List<LoadedImage> images) => process.Understand(() =>
        images.FirstOrDefault(image => image.Notes.Any(IsOurs)) is LoadedImage image ? new Library(process, image, image.Notes.First(IsOurs)) : null);

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
