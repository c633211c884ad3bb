#pragma warning disable CS0649 // the shim assigns some fields
using System;

namespace NativeMalloc;

/// <summary>
/// Functions of other objects in the process whose names this library has too, or that came by dlopen and need not be in the global scope: no
/// symbol of its own leads there.
/// </summary>
internal static unsafe class ForeignFunction
{
    /// <summary>
    /// The function of that name in the first loaded object, other than this one, that defines it, and another function
    /// <paramref name="beside"/> it, if that is given; null if there is none.
    /// </summary>
    internal static void* Find(ReadOnlySpan<byte> name, ReadOnlySpan<byte> beside = default)
    {
        Search search = default;
        search.Name = Literal.Pointer(name);
        search.Beside = beside.Length != 0 ? Literal.Pointer(beside) : null;
        Shim.EachObject(&LookIntoObject, &search);
        return search.Found;
    }

    private struct Search
    {
        internal byte* Name;
        internal byte* Beside;
        internal void* Found;
    }

    // dl_iterate_phdr's: 0 goes on to the next object.
    private static int LookIntoObject(LoadedObject* loaded, nuint size, void* data)
    {
        Search* search = (Search*)data;
        ElfSymbols symbols = ElfSymbols.Of(loaded);
        ElfSymbol* function = symbols.Find(search->Name);
        if (function == null || Shim.IsOwnFunction(symbols.AddressOf(function)) != 0 || (search->Beside != null && symbols.Find(search->Beside) == null))
        {
            return 0;
        }

        search->Found = symbols.AddressOf(function);
        return 1;
    }
}
