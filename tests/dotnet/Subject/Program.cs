using System.IO.Compression;
using System.Runtime.InteropServices;

namespace NativeMalloc.Subject;

/// <summary>A program to look at: it has native memory, threads that come and go, and work to do.</summary>
public static unsafe class Program
{
    private static readonly List<nint> s_held = [];

    private static int Main(string[] arguments)
    {
        NativeMallocMetrics.Register();
        Console.WriteLine($"active {NativeMallocHeap.IsActive}");
        switch (arguments[0])
        {
            case "work":
                Hold(100);
                Work(20);
                return 0;

            // Until its standard input ends.
            case "wait":
                Hold(1000);
                Thread worker = new(WorkUntilTheEnd) { IsBackground = true };
                worker.Start();
                Console.WriteLine("ready");
                while (Console.ReadLine() != null)
                {
                }

                return 0;

            case "fall":
                Hold(100);
                Work(3);
                Fall(7);
                return 0;
        }

        return 2;
    }

    /// <summary>For a host: whether it runs on the library, and that it works.</summary>
    public static int Answer(nint argument, int size)
    {
        Work(3);
        return (NativeMallocHeap.IsActive ? 1000 : 0) + Marshal.ReadInt32(argument) + size;
    }

    private static void WorkUntilTheEnd()
    {
        while (true)
        {
            Work(1);
            Thread.Sleep(10);
        }
    }

    private static void Hold(int blocks)
    {
        for (int i = 0; i < blocks; i++)
        {
            void* block = NativeMemory.Alloc(64 << 10);
            NativeMemory.Fill(block, 64 << 10, 1);
            s_held.Add((nint)block);
        }
    }

    // Compression allocates by malloc, and what a thread has allocated another frees.
    private static void Work(int rounds)
    {
        byte[] text = [.. Enumerable.Range(0, 100_000).Select(number => (byte)(number * number >> 7))];
        for (int round = 0; round < rounds; round++)
        {
            List<nint> blocks = [];
            Thread thread = new(() =>
            {
                using MemoryStream compressed = new();
                using (BrotliStream brotli = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
                {
                    brotli.Write(text);
                }

                using (ZLibStream zlib = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
                {
                    zlib.Write(text);
                }

                for (int i = 1; i < 1000; i++)
                {
                    blocks.Add((nint)NativeMemory.Alloc((nuint)i * 16));
                }
            });
            thread.Start();
            thread.Join();
            blocks.ForEach(block => NativeMemory.Free((void*)block));
        }
    }

    private static void Fall(int depth)
    {
        if (depth == 0)
        {
            Environment.FailFast("as it was asked to");
        }

        Fall(depth - 1);
    }
}
