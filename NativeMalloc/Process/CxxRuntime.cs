#pragma warning disable CS0649 // the shim assigns some fields
using System;

namespace NativeMalloc;

/// <summary>
/// What only a C++ runtime can do: call the new_handler, and throw std::bad_alloc. The loaded runtime's own operator new does
/// both, and begins with another malloc; it is found among the process's objects, since one that came by dlopen need not be in
/// the global scope, and no symbol of its is looked up before memory has run out. A static program says where its runtime's
/// functions are.
/// </summary>
internal static unsafe class CxxRuntime
{
    /// <summary>For operators that may not return null.</summary>
    internal static void* Throw(ReadOnlySpan<byte> name, nuint size, nuint alignment)
    {
        Shortage.Note(size);
        void* own = ForeignFunction.Find(name);
        if (own != null)
        {
            return Shim.Invoke(own, size, alignment, 0);
        }

        StaticCxxRuntime* linked = Shim.StaticCxxRuntime();
        while (linked != null)
        {
            void* handler = Shim.Invoke(linked->GetNewHandler, 0, 0, 0);
            if (handler == null)
            {
                Shim.Invoke(linked->ThrowBadAlloc, 0, 0, 0);
            }

            Shim.Invoke(handler, 0, 0, 0);
            void* block = alignment == 0 ? Malloc.Allocate(size) : Aligned.Allocate(size, alignment, OnFailure.ReturnNull);
            if (block != null)
            {
                return block;
            }
        }

        Output output = Output.ToFile(Output.StandardError);
        output.Text("nativemalloc: operator new("u8);
        output.Decimal(size);
        output.Text("): out of memory, and there is no C++ runtime to throw std::bad_alloc\n"u8);
        output.Flush();
        Shim.Abort();
        return null;
    }

    /// <summary>For operators that return null where the others throw: the runtime's calls the new_handler before it does.</summary>
    internal static void* ReturnNull(ReadOnlySpan<byte> name, nuint size, nuint second, nuint third)
    {
        Shortage.Note(size);
        void* own = ForeignFunction.Find(name);
        return own != null ? Shim.Invoke(own, size, second, third) : null;
    }

    /// <summary>
    /// What the runtime's operators ask malloc for, who come to be asked themselves when memory was short: a byte instead of none, and a multiple
    /// of the alignment, if there is any.
    /// </summary>
    internal static nuint SizeAskedFor(nuint size, nuint alignment)
    {
        nuint mask = alignment != 0 ? alignment - 1 : 0;
        return ((size != 0 ? size : 1) + mask) & ~mask;
    }
}

/// <summary>What a statically linked C++ runtime offers (Shim/static/cxx.S).</summary>
internal unsafe struct StaticCxxRuntime
{
    /// <summary>std::get_new_handler</summary>
    internal void* GetNewHandler;

    /// <summary>std::__throw_bad_alloc</summary>
    internal void* ThrowBadAlloc;
}
