using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>
/// Writes to standard output at once, and says what is wrong with it in the system's words. Console's own writer changes the terminal's mode, and has other
/// words.
/// </summary>
internal sealed unsafe class StandardOutput : Stream
{
    private const int File = 1;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>False if nobody reads it any more.</summary>
    internal static bool Write(string text) => WriteAll(Encoding.UTF8.GetBytes(text));

    /// <summary>Who does not read any more misses the rest.</summary>
    public override void Write(byte[] buffer, int offset, int count) => WriteAll(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer) => WriteAll(buffer);

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static bool WriteAll(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                nint written = Kernel.WriteFile(File, start + done, (nuint)(bytes.Length - done));
                switch (written < 0 ? Marshal.GetLastPInvokeError() : 0)
                {
                    case 0: done += (int)written; break;
                    case Errno.Interrupted: break;
                    case Errno.Again: Thread.Sleep(1); break; // it shares a file with somebody who reads without waiting
                    case Errno.BrokenPipe or Errno.InputOutput: return false;
                    case int error: throw new IOException("standard output: " + Marshal.GetPInvokeErrorMessage(error));
                }
            }
        }

        return true;
    }
}
