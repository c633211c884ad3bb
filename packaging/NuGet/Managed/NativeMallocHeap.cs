using System.Text;

namespace NativeMalloc;

/// <summary>
/// The native heap of this process, as far as it is NativeMalloc's: what OpenSSL, zlib, Brotli, native packages, P/Invoke's marshalling,
/// <see cref="System.Runtime.InteropServices.NativeMemory"/> and the runtime itself allocate. It is not the heap of .NET's objects, which the garbage collector
/// maps for itself.
/// </summary>
/// <remarks>Everything may be called from any thread, and where the library is not there, on other systems as well: each member says what it does then.</remarks>
public static unsafe class NativeMallocHeap
{
    /// <summary>Whether malloc in this process is NativeMalloc's: preloaded, linked into the executable, or needed by it.</summary>
    /// <remarks>It is false, too, where the library is loaded and the program brings a malloc of its own.</remarks>
    public static bool IsActive { get; } = NativeMallocStatistics.Read().IsActive;

    /// <summary>The version of the library that is running; null where it is not there.</summary>
    public static Version? Version { get; } = ReadVersion();

    /// <summary>
    /// Gives free memory back to the kernel: first pages that lie idle, then what is in the caches, which are emptied for it, then pages that are
    /// free between blocks. Addresses stay, and memory comes back when they are used again. The library does this by itself in time; this is for
    /// who knows that now is the moment.
    /// </summary>
    /// <param name="bytes">How many bytes at least, as far as there are so many; all that are free if it is left out.</param>
    /// <returns>How many bytes went back; 0 where the library is not there.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    public static long Release(long bytes = long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return Exports.ReleaseMemory == null ? 0 : (long)Exports.ReleaseMemory((ulong)bytes);
    }

    /// <summary>An option's value, as the library has understood it.</summary>
    /// <param name="name">The name of the environment's variable without NATIVEMALLOC_, in lower case: <c>index</c>, <c>stats</c>, <c>check</c>, <c>sample</c>…</param>
    /// <returns>The value, which may be empty; null if there is no such option, or the library is not there.</returns>
    public static string? GetOption(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Exports.GetOption == null)
        {
            return null;
        }

        fixed (byte* utf8 = Encoding.UTF8.GetBytes(name + '\0'))
        {
            int length = Exports.GetOption(utf8, null, 0);
            if (length < 0)
            {
                return null;
            }

            byte[] value = new byte[length + 1];
            fixed (byte* buffer = value)
            {
                Exports.GetOption(utf8, buffer, (nuint)value.Length);
            }

            return Encoding.UTF8.GetString(value, 0, length);
        }
    }

    // 10203 is 1.2.3.
    private static Version? ReadVersion()
    {
        if (Exports.VersionNumber == null)
        {
            return null;
        }

        int number = (int)Exports.VersionNumber();
        return new Version(number / 10000, number / 100 % 100, number % 100);
    }
}
