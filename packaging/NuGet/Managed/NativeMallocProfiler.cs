using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NativeMalloc;

/// <summary>
/// Heap profiles of native memory: by which call stacks it was allocated. While profiling is on, some allocations are samples, one every so many bytes on
/// average, and each stands for all that were like it.
/// </summary>
/// <remarks>
/// <c>nativemalloc profile FILE</c> names frames of managed code if the process was started with <c>DOTNET_PerfMapEnabled=3</c>. Where the library is not
/// there, nothing is started or written, and the answer is false.
/// </remarks>
public static unsafe class NativeMallocProfiler
{
    /// <summary>The most that may be asked for in <see cref="Start"/>: 1 TiB.</summary>
    public const long MaxSampleDistance = 1L << 40;

    private const int OutOfMemory = 12; // ENOMEM
    private const int Invalid = 22; // EINVAL

    /// <summary>
    /// Takes samples from now on. Every thread takes part when it next looks at the clock, which it does every few hundred KiB that it allocates.
    /// Where profiling is on already, this changes the distance.
    /// </summary>
    /// <param name="sampleDistance">How many bytes there are from one sample to the next, on average; 1 makes each allocation a sample.</param>
    /// <returns>Whether samples are taken: false where the library is not there.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sampleDistance"/> is not positive, or above <see cref="MaxSampleDistance"/>.</exception>
    public static bool Start(long sampleDistance = 512 << 10)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sampleDistance);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sampleDistance, MaxSampleDistance);
        return Exports.StartProfiling != null && Exports.StartProfiling((ulong)sampleDistance) == 0;
    }

    /// <summary>Takes no more samples. Those that there are stay in the profile until their blocks are freed.</summary>
    public static void Stop()
    {
        if (Exports.StopProfiling != null)
        {
            Exports.StopProfiling();
        }
    }

    /// <summary>Forgets what was allocated until now, and the peak, which is what is in use now. What is in use stays.</summary>
    public static void Reset()
    {
        if (Exports.ResetProfile != null)
        {
            Exports.ResetProfile();
        }
    }

    /// <summary>Writes the profile to an open file.</summary>
    /// <param name="file">The file, or a pipe that something else than this process reads.</param>
    /// <param name="format">What it is written as.</param>
    /// <param name="value">Which memory it is of, where the format has but one.</param>
    /// <returns>Whether it was written: false where the library is not there.</returns>
    /// <exception cref="ArgumentException">There is no such format or value, or not that value in that format.</exception>
    /// <exception cref="IOException">It could not be written; a part may have been.</exception>
    public static bool Write(SafeHandle file, NativeMallocProfileFormat format = NativeMallocProfileFormat.Pprof, NativeMallocProfileValue value = NativeMallocProfileValue.InUse)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (Exports.WriteProfile == null)
        {
            return false;
        }

        bool held = false;
        try
        {
            file.DangerousAddRef(ref held);
            if (Exports.WriteProfile((int)file.DangerousGetHandle(), (int)format, (int)value) != 0)
            {
                throw Failure(Marshal.GetLastSystemError());
            }
        }
        finally
        {
            if (held)
            {
                file.DangerousRelease();
            }
        }

        return true;
    }

    /// <summary>Writes the profile to a new file, or in place of an old one's contents.</summary>
    /// <inheritdoc cref="Write(SafeHandle, NativeMallocProfileFormat, NativeMallocProfileValue)"/>
    /// <param name="path">Where the file is. Where the library is not there, none is made.</param>
    /// <param name="format">What it is written as.</param>
    /// <param name="value">Which memory it is of, where the format has but one.</param>
    public static bool Write(string path, NativeMallocProfileFormat format = NativeMallocProfileFormat.Pprof, NativeMallocProfileValue value = NativeMallocProfileValue.InUse)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Exports.WriteProfile == null)
        {
            return false;
        }

        using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        return Write(file, format, value);
    }

    /// <summary>Writes the profile to a stream, from a file in memory, so that the stream may take its time and allocate.</summary>
    /// <inheritdoc cref="Write(SafeHandle, NativeMallocProfileFormat, NativeMallocProfileValue)"/>
    /// <param name="stream">What it is written to, from where it stands.</param>
    /// <param name="format">What it is written as.</param>
    /// <param name="value">Which memory it is of, where the format has but one.</param>
    public static bool Write(Stream stream, NativeMallocProfileFormat format = NativeMallocProfileFormat.Pprof, NativeMallocProfileValue value = NativeMallocProfileValue.InUse)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (Exports.WriteProfile == null)
        {
            return false;
        }

        using SafeFileHandle file = NewMemoryFile();
        Write(file, format, value);
        using FileStream contents = new(file, FileAccess.ReadWrite, bufferSize: 0);
        contents.Position = 0;
        contents.CopyTo(stream);
        return true;
    }

    private static SafeFileHandle NewMemoryFile()
    {
        const uint CloseOnExec = 1; // MFD_CLOEXEC
        fixed (byte* name = "nativemalloc-profile\0"u8)
        {
            delegate* unmanaged<byte*, uint, int> create = Exports.MemoryFile;
            int file = create == null ? throw new IOException("libc has no memfd_create") : create(name, CloseOnExec);
            return file >= 0 ? new SafeFileHandle(file, ownsHandle: true) : throw Failure(Marshal.GetLastSystemError());
        }
    }

    private static Exception Failure(int error) => error switch
    {
        Invalid => new ArgumentException("There is no such format or value of a profile, or not that value in that format."),
        OutOfMemory => new InsufficientMemoryException("There is no memory to write a profile in."),
        _ => new IOException(Marshal.GetPInvokeErrorMessage(error), error),
    };
}
