namespace NativeMalloc;

/// <summary>Doubly linked lists of spans. A list is its head, kept by its owner as a word: a pointer, or zero.</summary>
internal static unsafe class SpanList
{
    internal static void Add(ref ulong head, Span* span)
    {
        Span* next = (Span*)head;
        span->Next = next;
        span->Previous = null;
        if (next != null)
        {
            next->Previous = span;
        }

        head = (ulong)span;
    }

    internal static void Remove(ref ulong head, Span* span)
    {
        if (span->Previous != null)
        {
            span->Previous->Next = span->Next;
        }
        else
        {
            head = (ulong)span->Next;
        }

        if (span->Next != null)
        {
            span->Next->Previous = span->Previous;
        }
    }
}
