namespace NativeMalloc;

/// <summary>Where a central free list gets its spans.</summary>
internal unsafe interface ISpanSource
{
    /// <summary>A span for objects of the class, entered in the page map; null when there is no memory.</summary>
    static abstract Span* Take(nuint sizeClass);

    static abstract void Give(Span* span);
}

/// <summary>
/// All objects of one class that no cache holds, in their spans. The last stop before the page heap: objects become spans
/// here, and spans objects. All zeros is the empty list.
/// </summary>
internal unsafe struct CentralFreeList<TSpans>
    where TSpans : ISpanSource
{
    internal FutexLock Lock;
    private SpanRanks _ranks;
    private nint _spans;
    private nint _out;

    /// <summary>Spans of this class.</summary>
    internal readonly nint Spans => _spans;

    /// <summary>Objects that are not here: in use, or in a cache.</summary>
    internal readonly nint Out => _out;

    /// <summary>
    /// Takes up to <paramref name="count"/> objects, the lowest address last, since caches hand out the last first. Returns
    /// how many: fewer where memory is short, none where there is none.
    /// </summary>
    internal int Take(nuint sizeClass, void** objects, int count)
    {
        Lock.Acquire();
        int taken = 0;
        while (taken < count)
        {
            Span* span = _ranks.Fullest();
            if (span == null)
            {
                if (taken > 0)
                {
                    break; // enough to go on with; a new span would be touched for nothing
                }

                span = TSpans.Take(sizeClass);
                if (span == null)
                {
                    break;
                }

                span->PrepareObjects();
                _spans++;
                _ranks.Add(span);
            }

            taken += span->TakeObjects(objects + taken, count - taken);
            _ranks.Update(span);
        }

        _out += taken;
        Lock.Release();
        Reverse(objects, taken);
        return taken;
    }

    /// <summary>Takes objects back; a span that has all of its objects again goes back to the page heap.</summary>
    internal void Give(nuint sizeClass, void** objects, int count)
    {
        Lock.Acquire();
        for (int i = 0; i < count; i++)
        {
            nuint address = (nuint)objects[i];
            Span* span = PageMap.SpanOf(address);
            if (span == null || span->SizeClass != sizeClass || !span->GiveObject(address))
            {
                Lock.Release(); // a handler of SIGABRT may allocate
                Misuse.Report(
                    "free"u8,
                    (void*)address,
                    span != null && span->SizeClass != sizeClass
                        ? "was freed with a wrong size"u8
                        : "is not a block in use: it was freed twice, or points into a block"u8);
            }

            if (span->Out == 0)
            {
                _ranks.Remove(span);
                _spans--;
                TSpans.Give(span);
            }
            else
            {
                _ranks.Update(span);
            }
        }

        _out -= count;
        Lock.Release();
    }

    /// <summary>Hands out, for good and to nobody, the objects that are here.</summary>
    internal void Withhold()
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        Lock.Acquire();
        for (Span* span = _ranks.Fullest(); span != null; span = _ranks.Fullest())
        {
            _out += span->TakeObjects(objects, SizeClasses.MaxBatch);
            _ranks.Update(span);
        }

        Lock.Release();
    }

    private static void Reverse(void** objects, int count)
    {
        for (int low = 0, high = count - 1; low < high; low++, high--)
        {
            void* swap = objects[low];
            objects[low] = objects[high];
            objects[high] = swap;
        }
    }
}
