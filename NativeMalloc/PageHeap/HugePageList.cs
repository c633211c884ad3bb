namespace NativeMalloc;

/// <summary>Doubly linked lists of huge pages. A list is its head, kept by its owner as a word: a pointer, or zero.</summary>
internal static unsafe class HugePageList
{
    internal static void Add(ref ulong head, HugePage* hugePage)
    {
        HugePage* next = (HugePage*)head;
        hugePage->Next = next;
        hugePage->Previous = null;
        if (next != null)
        {
            next->Previous = hugePage;
        }

        head = (ulong)hugePage;
    }

    internal static void Remove(ref ulong head, HugePage* hugePage)
    {
        if (hugePage->Previous != null)
        {
            hugePage->Previous->Next = hugePage->Next;
        }
        else
        {
            head = (ulong)hugePage->Next;
        }

        if (hugePage->Next != null)
        {
            hugePage->Next->Previous = hugePage->Previous;
        }
    }
}
