namespace NativeMalloc;

/// <summary>
/// Which object an address is in. glibc says so from 2.35 on, without a lock (_dl_find_object); where it does not, the list that it and musl keep
/// for debuggers does (<see cref="ObjectTable"/>).
/// </summary>
internal static unsafe class LoadedObjects
{
    private const int Found = 0;
    private const nuint ProgramHeaders = 3; // AT_PHDR

    /// <summary>It is there until the process ends: this library, the program, or the libc that the library uses.</summary>
    internal static bool Stays(CodeObject* code) =>
        code->Contains((nuint)(delegate*<CodeObject*, bool>)&Stays) || code->Contains(Shim.AuxiliaryValue(ProgramHeaders)) || code->Contains((nuint)Shim.LibcFunction());

    /// <summary>"found" may be what was found there in an earlier walk.</summary>
    internal static bool TryFind(Workspace* work, nuint address, CodeObject* found)
    {
        FoundObject answer;
        int result = Shim.FindObject((void*)address, &answer);
        if (result == Found && answer.Frames != 0)
        {
            if (work->IsCertain)
            {
                work->Pages.Know(answer.Start); // a live frame is in it, so that it stays
            }

            if (found->IsStill(&answer, &work->Pages))
            {
                return true;
            }

            *found = new CodeObject { Start = answer.Start, End = answer.End, Frames = answer.Frames };
            return found->TryIdentify(&work->Pages);
        }

        return ObjectTable.TryFind(work, address, mayBeNew: result == FoundObject.NobodyKnows, found);
    }
}

/// <summary>struct dl_find_object.</summary>
internal unsafe struct FoundObject
{
    /// <summary>There is no such function.</summary>
    internal const int NobodyKnows = 1;

    internal ulong Flags;
    internal nuint Start;
    internal nuint End;
    internal nuint Map;
    internal nuint Frames;
    internal fixed ulong Reserved[7];
}
