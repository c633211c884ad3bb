using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Writes what the sampler knows of this process. Nothing is allocated, and the sampler's lock is held only to read one stack's numbers: while
/// others allocate, each stack is of a moment of its own.
/// </summary>
internal static unsafe class ProfileFile
{
    /// <summary>To a file descriptor; 0, or an errno.</summary>
    internal static int Write(int file, ProfileFormat format, ProfileValue value = ProfileValue.InUse)
    {
        uint programs = FloatingPoint.Begin();
        int error = WriteFormat(file, format, value);
        FloatingPoint.End(programs);
        return error;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int WriteFormat(int file, ProfileFormat format, ProfileValue value)
    {
        if (format == ProfileFormat.Heap)
        {
            return HeapProfile<OwnProfile>.Write(file, value);
        }

        HeldBytes.Count();
        if (!ProfileScratch.Take(out ProfileScratch scratch))
        {
            return Errno.NoMemory;
        }

        int error = format == ProfileFormat.Folded
            ? FoldedProfile<OwnProfile>.Write(file, scratch, value)
            : PprofProfile<OwnProfile>.Write(file, scratch);
        ProfileScratch.Give(scratch);
        return error;
    }

    /// <summary>To the file that NATIVEMALLOC_PROFILE asks for on that occasion. A forked child writes only to a file of its own.</summary>
    internal static void WriteAsked(ProfileOccasion occasion, int processId, bool forked)
    {
        bool own = ProfileRequest.Expand(occasion, processId);
        if (!ProfileRequest.HasPath || (forked && !own))
        {
            return;
        }

        byte* path = ProfileRequest.Expanded(occasion);
        int file = Os.OpenForWriting(path);
        int error = -file;
        if (file >= 0)
        {
            error = Write(file, ProfileRequest.Format, ProfileRequest.Value);
            Os.Close(file);
        }

        if (error > 0)
        {
            ReportFile.Complain("NATIVEMALLOC_PROFILE: the profile"u8, path, error);
        }
    }
}
