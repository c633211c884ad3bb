using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>
/// Makes names of C++ and Rust readable, by the function for it in the C++ runtime, which nearly every system has. Where there is none they
/// stay as they are.
/// </summary>
internal static unsafe class Demangler
{
    private static readonly delegate* unmanaged<byte*, byte*, nuint*, int*, byte*> s_demangle = Find();

    internal static string Demangle(string name)
    {
        if (s_demangle == null || !name.StartsWith("_Z"))
        {
            return name;
        }

        int status;
        byte* readable;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + "\0"))
        {
            readable = s_demangle(text, null, null, &status);
        }

        if (readable == null)
        {
            return name;
        }

        string result = Marshal.PtrToStringUTF8((nint)readable)!;
        NativeMemory.Free(readable);
        return WithoutRustsHash(result);
    }

    // Rust's older form is C++'s, with "::h", sixteen digits, at the end, and some characters by their names.
    private static string WithoutRustsHash(string name)
    {
        const int Hash = 19;
        if (name.Length <= Hash || !name.AsSpan(name.Length - Hash).StartsWith("::h") || !name.AsSpan(name.Length - 16).ContainsOnlyHexDigits())
        {
            return name;
        }

        StringBuilder plain = new(name[..^Hash]);
        foreach ((string code, string text) in new[] { ("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$BP$", "*"), ("$C$", ","), ("$u20$", " "), ("$u7b$", "{"), ("$u7d$", "}"), ("..", "::") })
        {
            plain.Replace(code, text);
        }

        return plain.ToString();
    }

    private static bool ContainsOnlyHexDigits(this ReadOnlySpan<char> text) => !text.ContainsAnyExcept("0123456789abcdef");

    private static delegate* unmanaged<byte*, byte*, nuint*, int*, byte*> Find()
    {
        foreach (string library in (string[])["libstdc++.so.6", "libc++abi.so.1"])
        {
            if (NativeLibrary.TryLoad(library, out nint handle) && NativeLibrary.TryGetExport(handle, "__cxa_demangle", out nint function))
            {
                return (delegate* unmanaged<byte*, byte*, nuint*, int*, byte*>)function;
            }
        }

        return null;
    }
}
