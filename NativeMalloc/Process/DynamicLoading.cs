using System.Runtime;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// dlopen opens ways to libc's own malloc, past the first place in the global scope that this library has: what is loaded with
/// RTLD_DEEPBIND binds its own dependencies' names first, and dlsym on a handle looks through nothing else. Blocks of two heaps would
/// then meet in one free. So before the first dlopen libc's symbol table is made to say, for each function that is defined here too, that
/// it is here: whoever finds libc's malloc from then on has found this one.
/// </summary>
internal static unsafe class DynamicLoading
{
    private const int DeepBind = 8; // RTLD_DEEPBIND; musl takes no notice of it

    private static int s_redirecting;

    /// <summary>Before the first dlopen: leads libc's names here, and says where to go on. <paramref name="ownDlopen"/> is this library's dlopen.</summary>
    [RuntimeExport("nm_prepare_dlopen")]
    internal static void Prepare(DlopenTarget* target, void* ownDlopen)
    {
        Search search = default;
        search.OwnDlopen = ownDlopen;
        search.Redirects = Interposition.IsActive;
        Shim.EachObject(&LookIntoObject, &search);

        // If the kernel lets nobody write to libc's table, the flag must go, and the library that is loaded has the program's symbols first.
        target->ModeMask = search.Refused ? ~DeepBind : ~0;
        Volatile.Write(ref *(nint*)&target->Function, (nint)search.NextDlopen);
    }

    /// <summary>Who was at libc's table is not here any more; what is done of it can be done again.</summary>
    internal static void AfterForkInChild() => s_redirecting = 0;

    // dl_iterate_phdr's, with the dynamic linker's lock held; 0 goes on to the next object. Only what comes behind this library is of interest:
    // before it, another dlopen may be that calls this one, as the next.
    private static int LookIntoObject(LoadedObject* loaded, nuint size, void* data)
    {
        Search* search = (Search*)data;
        ElfSymbols symbols = ElfSymbols.Of(loaded);
        ElfSymbol* dlopen = symbols.Find(Literal.Pointer("dlopen"u8));
        if (!search->IsBehind)
        {
            search->Own = symbols;
            search->IsBehind = dlopen != null && symbols.AddressOf(dlopen) == search->OwnDlopen;
            return 0;
        }

        if (dlopen != null && search->NextDlopen == null)
        {
            search->NextDlopen = symbols.AddressOf(dlopen);
        }

        // Of the names that every libc has, one that nobody puts another in the place of. Before glibc 2.34 libpthread has it too.
        if (search->Redirects && symbols.Find(Literal.Pointer("__libc_current_sigrtmin"u8)) != null)
        {
            // musl calls this without a lock: two threads' first dlopens must not make the table read-only for each other.
            while (Interlocked.CompareExchange(ref s_redirecting, 1, 0) != 0)
            {
                Os.Sleep(1);
            }

            search->Refused |= !Redirect(symbols, search);
            Volatile.Write(ref s_redirecting, 0);
        }

        return 0;
    }

    private static bool Redirect(ElfSymbols libc, Search* search)
    {
        // What lies beside the table is only read, too.
        ElfSymbol* end = libc.First + libc.Count;
        if (!Os.Protect(libc.First, end, writable: true))
        {
            return false;
        }

        ElfSymbols own = search->Own;
        for (ElfSymbol* symbol = own.First; symbol < own.First + own.Count; symbol++)
        {
            // dlopen itself goes on to libc's.
            if (symbol->IsDefinedFunction && own.AddressOf(symbol) != search->OwnDlopen)
            {
                byte* name = own.NameOf(symbol);
                for (ElfSymbol* theirs = libc.Find(name); theirs != null; theirs = libc.Find(name, theirs))
                {
                    libc.Redirect(theirs, own.AddressOf(symbol));
                }
            }
        }

        Os.Protect(libc.First, end, writable: false);
        return true;
    }

    private struct Search
    {
        internal void* OwnDlopen;

        /// <summary>Where another malloc is the process's, such as that of a second copy of this library, blocks must not come from this one, either.</summary>
        internal bool Redirects;

        internal ElfSymbols Own;
        internal bool IsBehind;
        internal void* NextDlopen;
        internal bool Refused;
    }
}

/// <summary>Where dlopen goes on to, and which bits of its mode it passes on (Shim/shared/dlopen.c).</summary>
internal unsafe struct DlopenTarget
{
    internal void* Function;
    internal int ModeMask;
}
