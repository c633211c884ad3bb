namespace NativeMalloc;

/// <summary>Where a central free list gets its spans.</summary>
internal unsafe interface ISpanSource
{
    /// <summary>A span for objects of the class, entered in the page map; null when there is no memory.</summary>
    static abstract Span* Take(nuint sizeClass);

    static abstract void Give(Span* span);

    /// <summary>Objects cut from other classes' remnants, up to <paramref name="count"/>; how many, none rather than much work.</summary>
    static abstract int TakeFromRemnants(nuint sizeClass, void** objects, int count);

    /// <summary>Makes a span a remnant; false if there is no memory for that.</summary>
    static abstract bool TryMakeRemnant(Span* span, nuint sizeClass);

    /// <summary>Gives an object back to the remnant that it lies in; false if it is none.</summary>
    static abstract bool GiveToRemnant(Span* span, nuint address);
}

/// <summary>
/// All objects of one class that no cache holds, in their spans. The last stop before the page heap: objects become spans
/// here, and spans objects. All zeros is the empty list.
/// </summary>
internal unsafe struct CentralFreeList<TSpans>
    where TSpans : ISpanSource
{
    /// <summary>Ranks of spans of which less than a quarter is out.</summary>
    private const int SparseRanks = SpanRanks.Ranks / 4;

    /// <summary>A class that would need so many periods to take all that is here is quiet.</summary>
    private const int FillingPeriods = 512;

    internal FutexLock Lock;
    private SpanRanks _ranks;
    private nint _spans;
    private nint _out;

    // Objects taken in this period of the class's (see EndPeriod), and whether they were few in the last.
    private nint _taken;
    private bool _quiet;

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

                int cut = TSpans.TakeFromRemnants(sizeClass, objects, count);
                if (cut > 0)
                {
                    Lock.Release();
                    Reverse(objects, cut);
                    return cut;
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
        _taken += taken;
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
            if (span != null && span->Remnant && TSpans.GiveToRemnant(span, address))
            {
                continue;
            }

            if (span == null || span->SizeClass != sizeClass || span->Remnant || !span->GiveObject(address))
            {
                Lock.Release(); // a handler of SIGABRT may allocate
                Misuse.Report(
                    "free"u8,
                    (void*)address,
                    span != null && span->SizeClass != sizeClass
                        ? "was freed with a wrong size"u8
                        : "is not a block in use: it was freed twice, or points into a block"u8);
            }

            _out--;
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

        Lock.Release();
    }

    /// <summary>Ends a period: a class that took few objects in it, for those that are here, is quiet in the next. Returns their bytes.</summary>
    internal nint EndPeriod(nuint sizeClass)
    {
        nint here = _spans * SizeClasses.ObjectsPerSpan(sizeClass) - _out;
        _quiet = _taken * FillingPeriods < here;
        _taken = 0;
        return here * (nint)SizeClasses.Size(sizeClass);
    }

    /// <summary>
    /// Makes remnants of up to <paramref name="most"/> spans of which few objects are out, if the class is quiet: else it will soon fill
    /// them itself. Where there is no other memory, of all that have free objects. Returns how many.
    /// </summary>
    internal int Shed(nuint sizeClass, int most, bool all = false)
    {
        if (!(_quiet || all) || SizeClasses.PagesPerSpan(sizeClass) > Span.MaxRemnantPages || !Lock.TryAcquire())
        {
            return 0;
        }

        int shed = 0;
        for (int rank = 0; rank < (all ? SpanRanks.Ranks : SparseRanks); rank++)
        {
            for (Span* span = _ranks.First(rank); span != null && shed < most; span = _ranks.First(rank))
            {
                int outside = span->Out; // of a remnant it says something else
                _ranks.Remove(span);
                if (!TSpans.TryMakeRemnant(span, sizeClass))
                {
                    _ranks.Add(span);
                    break;
                }

                _spans--;
                _out -= outside;
                shed++;
            }
        }

        Lock.Release();
        return shed;
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
