using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>Writes to standard output at once. Console's writer changes the terminal's mode, and goes on when nobody reads any more.</summary>
internal static unsafe class StandardOutput
{
    private const int File = 1;

    /// <summary>False if nobody reads it any more.</summary>
    internal static bool Write(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
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
