using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>The words that may follow the path of NATIVEMALLOC_PROFILE.</summary>
internal enum ProfileWords
{
    None = 0,

    /// <summary>What the file shows of each stack, if its format is of one value (<see cref="ProfileValue"/>).</summary>
    Allocated = 1,
    Peak = 2,
    Held = 4,

    /// <summary>At exit blocks are listed that nothing leads to. The word may be "leaks=CODE": then the process ends with that, if there are any.</summary>
    Leaks = 8,
}

/// <summary>What makes a process write a profile, and with the path's ending says what kind of file it is.</summary>
internal enum ProfileOccasion
{
    Exit,
    SoftLimit,
    NoMemory,

    /// <summary>At exit, but no profile: the list of leaks.</summary>
    Leaks,
}

/// <summary>
/// NATIVEMALLOC_PROFILE, as it was given: "PATH[,WORD]...". It is copied from the environment, and what becomes of the path does not lie on the
/// stack, as with <see cref="StatisticsPath"/>. Each occasion has room of its own, since they may come at once.
/// </summary>
internal static unsafe class ProfileRequest
{
    private const int Occasions = 4;
    private const int MaxExitCode = 255;

    private static Texts s_texts;

    private struct Texts
    {
        internal fixed byte Given[NumberedPath.MaxBytes];
        internal fixed byte Expanded[NumberedPath.MaxExpanded * Occasions];
    }

    internal static byte* Given => TextsPointer->Given;

    internal static ProfileWords Words { get; private set; }

    /// <summary>What a process that leaks ends with; 0: what it would have ended with.</summary>
    internal static int LeaksExitCode { get; private set; }

    /// <summary>There is to be a file: the path may be empty, where only the words matter.</summary>
    internal static bool HasPath => *Given is not 0 and not (byte)',';

    internal static ProfileValue Value => ValueOf(Words);

    internal static ProfileFormat Format
    {
        get
        {
            byte* end = EndOfPath;
            return EndingBefore(end, ".heap"u8) != null ? ProfileFormat.Heap
                : EndingBefore(end, ".folded"u8) != null ? ProfileFormat.Folded
                : ProfileFormat.Pprof;
        }
    }

    private static Texts* TextsPointer => (Texts*)Unsafe.AsPointer(ref s_texts);

    /// <summary>There are such a format and such a value, and it can show that: heap_v2's readers would scale what blocks hold as if it were their size.</summary>
    internal static bool IsPossible(ProfileFormat format, ProfileValue value) =>
        (uint)format <= (uint)ProfileFormat.Folded && (uint)value <= (uint)(format == ProfileFormat.Heap ? ProfileValue.Peak : ProfileValue.Held);

    /// <summary>The path made for that occasion.</summary>
    internal static byte* Expanded(ProfileOccasion occasion) => TextsPointer->Expanded + NumberedPath.MaxExpanded * (int)occasion;

    /// <summary>Copies it; false, and there is none, if it is too long or has a word that means nothing.</summary>
    internal static bool Set(byte* value)
    {
        int length = 0;
        while (value[length] != 0)
        {
            if (length == NumberedPath.MaxBytes - 1)
            {
                *Given = 0;
                return false;
            }

            Given[length] = value[length];
            length++;
        }

        Given[length] = 0;
        if (ReadWords(EndOfPath, out ProfileWords words))
        {
            Words = words;
            return true;
        }

        *Given = 0;
        return false;
    }

    /// <summary>
    /// Makes the path for an occasion; true if it holds the process's number. Other files than that at exit have the occasion in their names,
    /// before the ending that says what format they have.
    /// </summary>
    internal static bool Expand(ProfileOccasion occasion, int processId)
    {
        byte* end = EndOfPath;
        byte* ending = occasion == ProfileOccasion.Leaks ? end : EndingBefore(end, ".heap"u8);
        ending = ending != null ? ending : EndingBefore(end, ".folded"u8);
        ending = ending != null ? ending : EndingBefore(end, ".pb.gz"u8);
        ending = ending != null ? ending : end;

        bool numbered = false;
        byte* expanded = Expanded(occasion);
        int length = NumberedPath.Append(Given, ending, processId, expanded, 0, ref numbered);
        ReadOnlySpan<byte> mark = occasion switch
        {
            ProfileOccasion.SoftLimit => ".soft_limit"u8,
            ProfileOccasion.NoMemory => ".no_memory"u8,
            ProfileOccasion.Leaks => ".leaks"u8,
            _ => ""u8,
        };
        if (mark.Length != 0)
        {
            length = NumberedPath.Append(Literal.Pointer(mark), null, processId, expanded, length, ref numbered);
        }

        NumberedPath.Append(ending, end, processId, expanded, length, ref numbered);
        return numbered;
    }

    private static byte* EndOfPath
    {
        get
        {
            byte* end = Given;
            while (*end is not 0 and not (byte)',')
            {
                end++;
            }

            return end;
        }
    }

    private static ProfileValue ValueOf(ProfileWords words) =>
        (words & ProfileWords.Allocated) != 0 ? ProfileValue.Allocated
        : (words & ProfileWords.Peak) != 0 ? ProfileValue.Peak
        : (words & ProfileWords.Held) != 0 ? ProfileValue.Held
        : ProfileValue.InUse;

    // Each behind a comma.
    private static bool ReadWords(byte* text, out ProfileWords words)
    {
        words = ProfileWords.None;
        LeaksExitCode = 0;
        while (*text == ',')
        {
            text++;
            ProfileWords word = Take(ref text, "leaks"u8) || TakeLeaksExitCode(ref text) ? ProfileWords.Leaks
                : Take(ref text, "allocated"u8) ? ProfileWords.Allocated
                : Take(ref text, "peak"u8) ? ProfileWords.Peak
                : Take(ref text, "held"u8) ? ProfileWords.Held
                : ProfileWords.None;
            if (word == ProfileWords.None)
            {
                return false;
            }

            words |= word;
        }

        ProfileWords value = words & (ProfileWords.Allocated | ProfileWords.Peak | ProfileWords.Held);
        return (value & (value - 1)) == 0 && IsPossible(Format, ValueOf(words)); // one of these at most
    }

    // "leaks=" and a number from 1 to 255.
    private static bool TakeLeaksExitCode(ref byte* text)
    {
        ReadOnlySpan<byte> word = "leaks="u8;
        for (int i = 0; i < word.Length; i++)
        {
            if (text[i] != word[i])
            {
                return false;
            }
        }

        byte* next = text + word.Length;
        int code = 0;
        for (; *next is >= (byte)'0' and <= (byte)'9' && code <= MaxExitCode; next++)
        {
            code = code * 10 + *next - '0';
        }

        if (code is 0 or > MaxExitCode || *next is not 0 and not (byte)',')
        {
            return false;
        }

        LeaksExitCode = code;
        text = next;
        return true;
    }

    private static bool Take(ref byte* text, ReadOnlySpan<byte> word)
    {
        for (int i = 0; i < word.Length; i++)
        {
            if (text[i] != word[i])
            {
                return false;
            }
        }

        if (text[word.Length] is not 0 and not (byte)',')
        {
            return false;
        }

        text += word.Length;
        return true;
    }

    // Where the ending begins, if the path has it.
    private static byte* EndingBefore(byte* end, ReadOnlySpan<byte> ending)
    {
        byte* start = end - ending.Length;
        for (int i = 0; i < ending.Length; i++)
        {
            if (end - Given < ending.Length || start[i] != ending[i])
            {
                return null;
            }
        }

        return start;
    }
}
