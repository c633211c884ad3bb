#pragma warning disable CS0649 // the dynamic linker's structures are only read

using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The loaded objects by address, for where libc does not say: those of the list that the dynamic linker keeps for debuggers (r_debug). It is read
/// without the linker's lock, again when an address is in none, or no longer in what it was in; what is not there any more, or not
/// yet, is not believed.
/// </summary>
internal unsafe struct ObjectTable
{
    private const nuint ProgramHeaders = 3; // AT_PHDR
    private const nuint Vdso = 33; // AT_SYSINFO_EHDR
    private const long DebugInformation = 21; // DT_DEBUG

    /// <summary>More than a process can load with 65,530 mappings, of which each takes two and more.</summary>
    private const int MostObjects = 1 << 15;

    /// <summary>What was made stays, and libraries may come and go for ever.</summary>
    private const int MostSearches = 1000;

    // Readers use one list while the other is made; which one, the number of times it was made says.
    private int _made;
    private int _making;
    private ulong _links;
    private int _searched;
    private fixed ulong _lists[2];

    private struct List
    {
        internal int Count;
        internal int Room;

        internal static CodeObject* Entries(List* list) => (CodeObject*)(list + 1);
    }

    private struct Link
    {
        internal nuint Base;
        internal byte* Name;
        internal nuint Dynamic;
        internal Link* Next;
    }

    /// <summary>The object that the address is in. What may be new is looked for in the linker's list, if that has changed.</summary>
    internal static bool TryFind(Workspace* work, nuint address, bool mayBeNew, CodeObject* found)
    {
        ObjectTable* table = &work->Shared->Objects;
        if (TryLookUp(work, table, address, found, out bool isGone))
        {
            return true;
        }

        mayBeNew = (mayBeNew || Volatile.Read(ref table->_made) == 0) && TryMake(work, table, isGone);
        return mayBeNew && TryLookUp(work, table, address, found, out _);
    }

    // "isGone": one was there, and is no more.
    private static bool TryLookUp(Workspace* work, ObjectTable* table, nuint address, CodeObject* found, out bool isGone)
    {
        int made;
        bool exists;
        do
        {
            made = Volatile.Read(ref table->_made);
            List* list = (List*)table->_lists[made & 1];
            exists = list != null && TryLookUp(list, address, found);
        }
        while (made != Volatile.Read(ref table->_made)); // it may have been written to meanwhile

        ulong identity = found->Identity;
        isGone = exists && !(found->TryIdentify(&work->Pages) && found->Identity == identity);
        return exists && !isGone;
    }

    private static bool TryLookUp(List* list, nuint address, CodeObject* found)
    {
        CodeObject* entries = List.Entries(list);
        int first = 0;
        int last = list->Count;
        while (first < last)
        {
            int middle = (int)((uint)(first + last) / 2);
            if (entries[middle].Start <= address)
            {
                first = middle + 1;
            }
            else
            {
                last = middle;
            }
        }

        if (first == 0)
        {
            return false;
        }

        *found = entries[first - 1];
        return found->Contains(address);
    }

    // False if the linker's list has not changed, though another object may have the place of one, or another thread is at it.
    private static bool TryMake(Workspace* work, ObjectTable* table, bool isGone)
    {
        if (Interlocked.CompareExchange(ref table->_making, 1, 0) != 0)
        {
            return AwaitFirst(table);
        }

        ElfImage program = default;
        nuint headers = Shim.AuxiliaryValue(ProgramHeaders);
        bool isKnown = headers != 0 && program.TryRead(&work->Pages, headers & ~(ReadablePages.PageSize - 1));
        Link* first = isKnown ? FirstLink(work, &program) : null;
        int count = 2;
        ulong links = 1;
        for (Link* link = first; count < MostObjects && TryRead(work, link); link = link->Next)
        {
            links = Hash.Add(Hash.Add(links, link->Base), link->Dynamic);
            count++;
        }

        bool isFirst = table->_made == 0;
        bool isWhole = first != null || isFirst; // else the linker is at it
        bool changed = isWhole && (links != table->_links || isGone) && TryFill(work, table, &program, isKnown, first, count);
        if (changed)
        {
            table->_links = links;
            Volatile.Write(ref table->_made, table->_made + 1);
        }

        Volatile.Write(ref table->_making, 0);
        if (isFirst)
        {
            Os.FutexWake(&table->_making, int.MaxValue);
        }

        return changed;
    }

    // Of threads that all take their first samples one makes the table, in some milliseconds. If it does not get on, they go on without.
    private static bool AwaitFirst(ObjectTable* table)
    {
        const int Patience = 50; // milliseconds
        for (int i = 0; i < Patience && Volatile.Read(ref table->_made) == 0; i++)
        {
            Os.FutexWait(&table->_making, 1, 1);
        }

        return Volatile.Read(ref table->_made) != 0;
    }

    private static bool TryFill(Workspace* work, ObjectTable* table, ElfImage* program, bool isKnown, Link* first, int count)
    {
        int next = table->_made + 1 & 1;
        List* list = (List*)table->_lists[next];
        if (list == null || list->Room < count)
        {
            int room = count + count / 2;
            list = (List*)Metadata.Allocate((nuint)sizeof(List) + (nuint)room * (nuint)sizeof(CodeObject));
            if (list == null)
            {
                return false;
            }

            list->Room = room;
            table->_lists[next] = (ulong)list;
        }

        list->Count = 0;
        if (isKnown)
        {
            Add(work, table, list, program);
        }

        ElfImage image = default;
        nuint vdso = Shim.AuxiliaryValue(Vdso);
        if (vdso != 0 && image.TryRead(&work->Pages, vdso))
        {
            Add(work, table, list, &image);
        }

        for (Link* link = first; count > 0 && TryRead(work, link); link = link->Next, count--)
        {
            if (list->Count == list->Room)
            {
                break; // it has grown meanwhile
            }

            // The header is there where the object begins at its base, as all do but programs that are loaded at a fixed address.
            if (image.TryRead(&work->Pages, link->Base) && image.Find(ElfImage.Dynamic) is var dynamic && dynamic != null &&
                image.Base + dynamic->Address == link->Dynamic)
            {
                Add(work, table, list, &image);
            }
        }

        return true;
    }

    // In order of addresses.
    private static void Add(Workspace* work, ObjectTable* table, List* list, ElfImage* image)
    {
        CodeObject code = image->Code;
        code.Frames = code.Frames != 0 ? code.Frames : MadeFrames(work, table, image, code);
        CodeObject* entries = List.Entries(list);
        int place = list->Count;
        while (place > 0 && entries[place - 1].Start > code.Start)
        {
            place--;
        }

        if ((place > 0 && entries[place - 1].Start == code.Start) || !code.TryIdentify(&work->Pages))
        {
            return;
        }

        for (int i = list->Count++; i > place; i--)
        {
            entries[i] = entries[i - 1];
        }

        entries[place] = code;
    }

    // A table in place of one that the linker was not asked for: as it was, if the object is the same.
    private static nuint MadeFrames(Workspace* work, ObjectTable* table, ElfImage* image, CodeObject code)
    {
        List* before = (List*)table->_lists[table->_made & 1];
        CodeObject known;
        if (before != null && TryLookUp(before, code.Start, &known) && known.Start == code.Start)
        {
            code.Frames = known.Frames;
            if (code.TryIdentify(&work->Pages) && code.Identity == known.Identity)
            {
                return known.Frames;
            }
        }

        return table->_searched++ < MostSearches ? FrameSearch.MakeTable(work, image) : 0;
    }

    // Of the list for debuggers; null where there is none, as in a static program, or it is being changed.
    private static Link* FirstLink(Workspace* work, ElfImage* program)
    {
        const int StateAt = 24;
        const int FirstAt = 8;
        Segment* dynamic = program->Find(ElfImage.Dynamic);
        nuint at = dynamic != null ? program->Base + dynamic->Address : 0;
        while (at != 0 && work->Pages.TryRead(at, out ulong tag) && tag != 0 && work->Pages.TryRead(at + sizeof(ulong), out ulong value))
        {
            if ((long)tag == DebugInformation)
            {
                bool isWhole = value != 0 && work->Pages.TryRead((nuint)value + StateAt, out ulong state) && (uint)state == 0;
                return isWhole && work->Pages.TryRead((nuint)value + FirstAt, out ulong first) ? (Link*)first : null;
            }

            at += 2 * sizeof(ulong);
        }

        return null;
    }

    private static bool TryRead(Workspace* work, Link* link) =>
        link != null && (nuint)link % sizeof(ulong) == 0 && work->Pages.CanRead((nuint)link, (nuint)sizeof(Link));
}
