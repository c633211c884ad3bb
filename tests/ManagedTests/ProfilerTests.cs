using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace NativeMalloc.ManagedTests;

/// <summary>NativeMallocProfiler.</summary>
public sealed unsafe class ProfilerTests
{
    [Fact]
    public void ProfileHasWhatWasAllocated()
    {
        Assert.Equal(Surroundings.Preloaded, NativeMallocProfiler.Start(64 << 10));
        void*[] blocks = new void*[1024];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = NativeMemory.Alloc(64 << 10);
        }

        string path = Path.GetTempFileName();
        try
        {
            using MemoryStream stream = new();
            stream.Write("before"u8);
            Assert.Equal(Surroundings.Preloaded, NativeMallocProfiler.Write(stream, NativeMallocProfileFormat.Folded));
            Assert.Equal(Surroundings.Preloaded, NativeMallocProfiler.Write(path));
            using SafeFileHandle nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.Write);
            Assert.Equal(Surroundings.Preloaded, NativeMallocProfiler.Write(nowhere, NativeMallocProfileFormat.Heap, NativeMallocProfileValue.Peak));

            string folded = Encoding.UTF8.GetString(stream.ToArray());
            Assert.StartsWith("before", folded);
            long bytes = folded["before".Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..]));
            int allocated = Surroundings.With(64 << 20, 0);
            Assert.InRange(bytes, allocated / 2, allocated * 2);

            using GZipStream gzip = new(File.OpenRead(path), CompressionMode.Decompress);
            using MemoryStream pprof = new();
            gzip.CopyTo(pprof);
            Assert.Equal(Surroundings.Preloaded, pprof.Length > 0);
        }
        finally
        {
            NativeMallocProfiler.Stop();
            NativeMallocProfiler.Reset();
            File.Delete(path);
            foreach (void* block in blocks)
            {
                NativeMemory.Free(block);
            }
        }
    }

    [Fact]
    public void MistakesAreExceptionsOnlyWhereTheyAreTheCallers()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => NativeMallocProfiler.Start(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => NativeMallocProfiler.Start(NativeMallocProfiler.MaxSampleDistance + 1));
        Assert.Throws<ArgumentNullException>(() => NativeMallocProfiler.Write((Stream)null!));
        if (!Surroundings.Preloaded)
        {
            Assert.False(NativeMallocProfiler.Write("/no/such/folder/profile"));
            return;
        }

        Assert.Throws<DirectoryNotFoundException>(() => NativeMallocProfiler.Write("/no/such/folder/profile"));
        using MemoryStream stream = new();
        Assert.Throws<ArgumentException>(() => NativeMallocProfiler.Write(stream, NativeMallocProfileFormat.Heap, NativeMallocProfileValue.Held));
        Assert.Throws<ArgumentException>(() => NativeMallocProfiler.Write(stream, (NativeMallocProfileFormat)7));
        using SafeFileHandle full = File.OpenHandle("/dev/full", FileMode.Open, FileAccess.Write);
        Assert.Throws<IOException>(() => NativeMallocProfiler.Write(full));
    }
}
