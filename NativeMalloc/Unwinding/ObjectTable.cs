#pragma warning disable CS0649 // the dynamic linker's structures are only read

using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The loaded objects by address, for where libc does not say: those of the list that the dynamic linker keeps for debuggers (r_debug). It is read
/// without the linker's lock, again when an address is in none, or no longer in what it was in; what is not there any more, or not
/// yet, is not believed. Of the objects in it only that is read which an address must be in if it is in any: others may be unloaded at that moment.
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

        internal static Entry* Entries(List* list) => (Entry*)(list + 1);
    }

    // They do not overlap, and each has its headers first.
    private struct Entry
    {
        internal CodeObject Code;
        internal nuint Dynamic;

        /// <summary>More than where it starts is known.</summary>
        internal bool IsRead;
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
        if (TryLookUp(work, table, address, found, out bool mustRead))
        {
            return true;
        }

        bool mayBe = mayBeNew || mustRead || Volatile.Read(ref table->_made) == 0;
        return mayBe && TryMake(work, table, address, mustRead) && TryLookUp(work, table, address, found, out _);
    }

    // "mustRead": it would be in one that was not read yet, or is no more.
    private static bool TryLookUp(Workspace* work, ObjectTable* table, nuint address, CodeObject* found, out bool mustRead)
    {
        int made;
        Entry entry = default;
        do
        {
            made = Volatile.Read(ref table->_made);
            Entry* nearest = Nearest((List*)table->_lists[made & 1], address);
            entry = nearest != null ? *nearest : new Entry { IsRead = true };
        }
        while (made != Volatile.Read(ref table->_made)); // it may have been written to meanwhile

        *found = entry.Code;
        if (!entry.IsRead || !entry.Code.Contains(address))
        {
            mustRead = !entry.IsRead;
            return false;
        }

        mustRead = !found->TryIdentify(&work->Pages) || found->Identity != entry.Code.Identity;
        return !mustRead;
    }

    // The last one that starts there or before.
    private static Entry* Nearest(List* list, nuint address)
    {
        if (list == null)
        {
            return null;
        }

        Entry* entries = List.Entries(list);
        int first = 0;
        int last = list->Count;
        while (first < last)
        {
            int middle = (int)((uint)(first + last) / 2);
            if (entries[middle].Code.Start <= address)
            {
                first = middle + 1;
            }
            else
            {
                last = middle;
            }
        }

        return first > 0 ? &entries[first - 1] : null;
    }

    // False if the linker's list has not changed, and what the address is in is known, or another thread is at it.
    private static bool TryMake(Workspace* work, ObjectTable* table, nuint address, bool mustRead)
    {
        if (Interlocked.CompareExchange(ref table->_making, 1, 0) != 0)
        {
            return AwaitFirst(table);
        }

        ElfImage program = default;
        nuint headers = Shim.AuxiliaryValue(ProgramHeaders);
        bool isKnown = headers != 0 && program.TryRead(&work->Pages, headers & ~(KernelPage.Size - 1));
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
        bool changed = isWhole && (links != table->_links || mustRead) && TryFill(work, table, &program, isKnown, first, count, address);
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

    private static bool TryFill(Workspace* work, ObjectTable* table, ElfImage* program, bool isKnown, Link* first, int count, nuint address)
    {
        int next = table->_made + 1 & 1;
        List* list = (List*)table->_lists[next];
        if (list == null || list->Room < count)
        {
            int room = count + count / 2;
            list = (List*)Metadata.Allocate((nuint)sizeof(List) + (nuint)room * (nuint)sizeof(Entry));
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
            Read(work, table, Add(list, program->Code.Start), program);
        }

        ElfImage image = default;
        nuint vdso = Shim.AuxiliaryValue(Vdso);
        if (vdso != 0 && image.TryRead(&work->Pages, vdso))
        {
            Read(work, table, Add(list, image.Code.Start), &image);
        }

        for (Link* link = first; count > 0 && list->Count < list->Room && TryRead(work, link); link = link->Next, count--) // it may grow meanwhile
        {
            Entry* entry = Add(list, link->Base);
            if (entry != null)
            {
                Entry* before = Nearest((List*)table->_lists[table->_made & 1], link->Base);
                bool isSame = before != null && before->Code.Start == link->Base && before->Dynamic == link->Dynamic;
                *entry = isSame ? *before : new Entry { Code = new CodeObject { Start = link->Base }, Dynamic = link->Dynamic };
            }
        }

        Entry* nearest = Nearest(list, address);
        if (nearest != null && nearest->Dynamic != 0)
        {
            // The header is there where the object begins at its base, as all do but programs that are loaded at a fixed address.
            bool exists = image.TryRead(&work->Pages, nearest->Code.Start) && image.Find(Segment.Dynamic) is var dynamic && dynamic != null &&
                image.Base + dynamic->Address == nearest->Dynamic;
            Read(work, table, nearest, exists ? &image : null);
        }

        return true;
    }

    // In order of addresses; null if it is there.
    private static Entry* Add(List* list, nuint start)
    {
        Entry* entries = List.Entries(list);
        Entry* nearest = Nearest(list, start);
        if (nearest != null && nearest->Code.Start == start)
        {
            return null;
        }

        int place = nearest != null ? (int)(nearest - entries) + 1 : 0;
        for (int i = list->Count++; i > place; i--)
        {
            entries[i] = entries[i - 1];
        }

        entries[place] = new Entry { Code = new CodeObject { Start = start } };
        return &entries[place];
    }

    // Without an image, nothing is in it.
    private static void Read(Workspace* work, ObjectTable* table, Entry* entry, ElfImage* image)
    {
        CodeObject code = image != null ? image->Code : default;
        if (code.End != 0 && code.Frames == 0)
        {
            code.Frames = MadeFrames(work, table, image, code);
        }

        entry->IsRead = true;
        entry->Code.End = 0;
        if (code.End != 0 && code.Start == entry->Code.Start && code.TryIdentify(&work->Pages))
        {
            entry->Code = code;
        }
    }

    // A table in place of one that the linker was not asked for: as it was, if the object is the same.
    private static nuint MadeFrames(Workspace* work, ObjectTable* table, ElfImage* image, CodeObject code)
    {
        Entry* before = Nearest((List*)table->_lists[table->_made & 1], code.Start);
        if (before != null && before->Code.Start == code.Start && before->IsRead)
        {
            code.Frames = before->Code.Frames;
            if (code.TryIdentify(&work->Pages) && code.Identity == before->Code.Identity)
            {
                return code.Frames;
            }
        }

        return table->_searched++ < MostSearches ? FrameSearch.MakeTable(work, image) : 0;
    }

    // Of the list for debuggers; null where there is none, as in a static program, or it is being changed.
    private static Link* FirstLink(Workspace* work, ElfImage* program)
    {
        const int StateAt = 24;
        const int FirstAt = 8;
        Segment* dynamic = program->Find(Segment.Dynamic);
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
