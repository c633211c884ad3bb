#pragma warning disable CS0649 // the shim assigns some fields
using System;

namespace NativeMalloc;

/// <summary>
/// What only a C++ runtime can do: say what the new_handler is, throw std::bad_alloc, and catch it. Its functions are found among the process's
/// objects when memory has run out, since a runtime that came by dlopen need not be in the global scope; and by names that are the runtime's
/// alone, since the first with an operator new may be another allocator, or who wraps this one. A static program says where they are.
/// </summary>
internal static unsafe class CxxRuntime
{
    private static ReadOnlySpan<byte> GetNewHandler => "_ZSt15get_new_handlerv"u8;

    /// <summary>For operators that may not return null: the new_handler makes room, as long as there is one, or bad_alloc is thrown.</summary>
    internal static void* Throw(nuint size, nuint alignment)
    {
        Shortage.Note(size);
        StaticCxxRuntime* linked = Shim.StaticCxxRuntime();
        void* getNewHandler = linked != null ? linked->GetNewHandler : ForeignFunction.Find(GetNewHandler);
        void* throwBadAlloc = linked != null ? linked->ThrowBadAlloc : ForeignFunction.Find("_ZSt17__throw_bad_allocv"u8);
        while (throwBadAlloc != null)
        {
            bool isServed = (alignment & (alignment - 1)) == 0; // what is no power of two never is, whatever the new_handler does
            void* handler = isServed && getNewHandler != null ? Shim.Invoke(getNewHandler, 0, 0, 0) : null;
            Shim.Invoke(handler != null ? handler : throwBadAlloc, 0, 0, 0);
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

    /// <summary>
    /// For operators that return null where the others throw. Where there is a new_handler, the runtime's operator of that name has it called, by the one
    /// that throws, and catches.
    /// </summary>
    internal static void* ReturnNull(ReadOnlySpan<byte> name, nuint size, nuint second, nuint third)
    {
        Shortage.Note(size);
        void* getNewHandler = ForeignFunction.Find(GetNewHandler);
        void* own = getNewHandler != null && Shim.Invoke(getNewHandler, 0, 0, 0) != null ? Find(name) : null;
        return own != null ? Shim.Invoke(own, size, second, third) : null;
    }

    /// <summary>The runtime's operator of that name; null if there is no runtime that can be found.</summary>
    internal static void* Find(ReadOnlySpan<byte> name) => ForeignFunction.Find(name, beside: GetNewHandler);

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
