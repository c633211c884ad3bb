using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>Where a central free list gets its spans. It holds no lock when it takes and gives, since that may take a system call.</summary>
internal unsafe interface ISpanSource
{
    /// <summary>A span for objects of the class, entered in the page map; null when there is no memory.</summary>
    static abstract Span* Take(nuint sizeClass);

    static abstract void Give(Span* span);

    /// <summary>Whether a span of so many pages may stay with its class though no object of it is out; it counts until <see cref="EndKeep"/>.</summary>
    static abstract bool TryKeep(nuint pages);

    static abstract void EndKeep(nuint pages);

    /// <summary>Objects cut from other classes' remnants, up to <paramref name="count"/>; how many, none rather than much work.</summary>
    static abstract int TakeFromRemnants(nuint sizeClass, void** objects, int count);

    /// <summary>Memory for what is kept of a remnant that is made of a span of the class; null if there is none.</summary>
    static abstract ulong* TakeRemnantSets(nuint sizeClass);

    static abstract void GiveRemnantSets(nuint sizeClass, ulong* sets);

    /// <summary>
    /// Makes a span a remnant. Takes no system call, since the class's lock is held; returns which of its pages, a bit each, go to
    /// <see cref="GivePages"/> when it is not.
    /// </summary>
    static abstract uint MakeRemnant(Span* span, nuint sizeClass, ulong* sets);

    /// <summary>Takes pages of what begins there, a bit each; "holes": those of them that hold no memory.</summary>
    static abstract void GivePages(nuint start, uint pages, uint holes);

    /// <summary>Gives the memory of pages in a span back to the kernel; true if they read zero from now on.</summary>
    static abstract bool Release(nuint start, nuint bytes);

    /// <summary>So many bytes more in spans hold no memory, or fewer.</summary>
    static abstract void CountHoles(nint bytes);

    /// <summary>
    /// Takes objects of the class back that lie in no span of it, but in a remnant, or in what is set aside for signal handlers. Those that lie
    /// there neither are left, first in the row; returns how many.
    /// </summary>
    static abstract int GiveElsewhere(nuint sizeClass, void** objects, int count);
}

/// <summary>
/// All objects of one class that no cache holds, in their spans. The last stop before the page heap: objects become spans
/// here, and spans objects. All zeros is the empty list.
/// </summary>
internal unsafe partial struct CentralFreeList<TSpans>
    where TSpans : ISpanSource
{
    private const int CacheLine = 64;

    /// <summary>Ranks of spans of which less than a quarter is out.</summary>
    private const int SparseRanks = SpanRanks.Ranks / 4;

    /// <summary>A class's spans beyond these may be kept: of the few that most classes of a small heap have, none.</summary>
    private const int SpansNeverKept = 4;

    /// <summary>
    /// While a class has no more spans, objects of less than a cache line leave in an order in which neighbours share none: a program that begins
    /// with one for each thread would else be slowed down. Many are seldom for many threads, and better found where their neighbours are.
    /// </summary>
    private const int SpreadSpans = 1;

    /// <summary>Objects of a batch that have as many neighbours after them go to their span together.</summary>
    private const int FewNeighbours = 3;

    /// <summary>A class that would need so many periods to take all that is here is quiet.</summary>
    private const int FillingPeriods = 512;

    /// <summary>Spans that are looked at before others may have the lock.</summary>
    private const int LooksAtOnce = 32;

    /// <summary>Of so many turns one that had to wait is often (see <see cref="IsWaitedFor"/>).</summary>
    private const int OftenTurns = 32;

    /// <summary>One in a few turns had to wait for others lately, not only now and then.</summary>
    internal readonly bool IsWaitedFor => _waits >= OftenTurns * OftenTurns;

    /// <summary>Pages of some span are going back to the kernel.</summary>
    internal readonly bool ArePagesLeaving => _leaving != 0;

    /// <summary>
    /// Takes up to <paramref name="count"/> objects, at most <see cref="SizeClasses.MaxMove"/>, in the order in which they are to be handed
    /// out. Returns how many: fewer where memory is short, none where there is none.
    /// </summary>
    internal int Take(nuint sizeClass, void** objects, int count) => Take(sizeClass, objects, count, out _);

    /// <summary>The same, of what is here: none rather than a span more.</summary>
    internal int TakeFree(nuint sizeClass, void** objects, int count, out ulong holes)
    {
        holes = 0;
        if (Volatile.Read(ref _spans) * SizeClasses.ObjectsPerSpan(sizeClass) <= Volatile.Read(ref _out))
        {
            return 0;
        }

        Enter();
        int taken = TakeHere(objects, count, out holes);
        _out += taken;
        _taken += taken;
        Lock.Release();
        return taken;
    }

    /// <summary>As <see cref="Take(nuint, void**, int)"/>. "holes": the units of the last object's span that were holes, and read zero.</summary>
    internal int Take(nuint sizeClass, void** objects, int count, out ulong holes)
    {
        Enter();
        int taken = TakeHere(objects, count, out holes);
        if (taken == 0)
        {
            Lock.Release();
            int cut = TSpans.TakeFromRemnants(sizeClass, objects, count);
            if (cut > 0)
            {
                return cut;
            }

            Span* span = TSpans.Take(sizeClass);
            Lock.Acquire();
            taken = span != null ? TakeFromNew(span, objects, count) : TakeHere(objects, count, out holes); // what others brought meanwhile
        }

        _out += taken;
        _taken += taken;
        bool spread = _spans <= SpreadSpans && SizeClasses.Size(sizeClass) < CacheLine && taken <= SizeClasses.MaxBatch;
        Lock.Release();
        if (spread)
        {
            Spread(objects, taken, (int)SizeClasses.Size(sizeClass));
        }

        return taken;
    }

    /// <summary>Takes objects back; a span that has all of its objects again goes back to the page heap.</summary>
    internal void Give(nuint sizeClass, void** objects, int count)
    {
        void** end = objects + count;
        void** strangers = objects;
        int strange = 0;
        ulong leaving = 0;
        Enter();
        _out -= count;
        while (objects < end)
        {
            if (AreNeighbours(sizeClass, objects, end) && GiveNeighbours(sizeClass, ref objects, end, ref leaving))
            {
                continue;
            }

            Span* span = GiveToSpans(sizeClass, ref objects, end);
            if (span != null)
            {
                MoveDown(span, ref leaving);
            }
            else if (objects < end && IsInSpanOf(sizeClass, *objects))
            {
                _out++;
                Misuse.ReportNoObject(*objects++, sizeClass); // while its span is there
            }
            else
            {
                for (; objects < end && !IsInSpanOf(sizeClass, *objects); objects++)
                {
                    strangers[strange++] = *objects;
                }
            }
        }

        _out += strange;
        Lock.Release();
        GiveSpans(leaving);
        if (strange > 0)
        {
            GiveElsewhere(sizeClass, strangers, strange);
        }
    }

    /// <summary>Gives back the whole spans that were kept and not needed since the last time, or all.</summary>
    internal void GiveKept(bool all)
    {
        if (Volatile.Read(ref _kept) == 0 && (all || (Volatile.Read(ref _wantedAgain) | Volatile.Read(ref _given)) == 0))
        {
            return;
        }

        ulong leaving = 0;
        Lock.Acquire();
        if (!all)
        {
            _wantedAgain = _wantedAgain > _leastKept ? _wantedAgain - _leastKept : 0;
            _given = 0;
        }

        for (nint count = all ? _kept : _leastKept; count > 0; count--)
        {
            Leave(TakeKept(), ref leaving);
        }

        _leastKept = _kept;
        Lock.Release();
        GiveSpans(leaving);
    }

    /// <summary>Ends a period: a class that took few objects in it, for those that are here, is quiet in the next. Returns their bytes.</summary>
    internal nint EndPeriod(nuint sizeClass)
    {
        if (_spans == 0)
        {
            return 0; // and a small program need not touch every class
        }

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
        if (!(_quiet || all))
        {
            return 0;
        }

        int shed = 0;
        int ranks = all ? SpanRanks.Ranks : SparseRanks;
        while (shed < most && _ranks.Emptiest(ranks) != null && ShedOne(sizeClass, ranks))
        {
            shed++;
        }

        return shed;
    }

    /// <summary>
    /// So many periods have ended: if idle pages have waited long enough, a look at the spans that the program has used begins, or goes on
    /// (<see cref="ReleaseIdle"/>). False if there is none. Where nobody came by for longer than they wait, all are quiet.
    /// </summary>
    internal bool EndIdlePeriods(int ended)
    {
        if (_spans == 0)
        {
            return false;
        }

        Lock.Acquire();
        bool allAreQuiet = ended > _patience.Wait;
        bool due = _patience.EndPeriods(ended);
        if (due)
        {
            _allAreQuiet = allAreQuiet;
            _ranks.BeginLook();
        }

        Lock.Release();
        return due;
    }

    /// <summary>A look begins now that takes all spans for quiet.</summary>
    internal void BeginLookAtAll()
    {
        if (_spans > 0)
        {
            Lock.Acquire();
            _allAreQuiet = true;
            _ranks.BeginLook(anew: true);
            Lock.Release();
        }
    }

    /// <summary>
    /// Goes on with the look: idle pages of spans that were quiet since the last one go back to the kernel, while the step lasts. Returns the
    /// bytes that went. The lock is not held meanwhile; a span is withdrawn.
    /// </summary>
    internal nuint ReleaseIdle(ref IdleStep step)
    {
        nuint released = 0;
        ulong leaving = 0;
        int looks = 0;
        Lock.Acquire();
        for (Span* span; step.GoesOn && (span = _ranks.NextToLook()) != null;)
        {
            step.OnLook();
            if (SpanRanks.Quieten(span) || _allAreQuiet)
            {
                released += ReleaseIdleOf(span, ref step, ref leaving);
            }

            if (++looks % LooksAtOnce == 0)
            {
                Lock.Release();
                Lock.Acquire();
            }
        }

        Lock.Release();
        GiveSpans(leaving);
        return released;
    }

    // The lock is held, and let go meanwhile if there are some.
    private nuint ReleaseIdleOf(Span* span, ref IdleStep step, ref ulong leaving)
    {
        _ranks.Withdraw(span);
        ulong units = span->IdleUnits();
        ulong holes = 0;
        nuint released = 0;
        int outBefore = span->Out;
        if (units != 0)
        {
            _leaving++;
            Lock.Release();
            holes = ReleaseUnits(span, units, ref step);
            Lock.Acquire();
            _leaving--;
            span->AddHoles(holes);
            released = Span.BytesOfUnits(holes);
            CountHoles((nint)released);
            _patience.OnReleased((uint)(released >> KernelPage.Shift));
        }

        if (span->Out == 0)
        {
            GiveOrKeep(span, ref leaving);
        }
        else if (span->Out != outBefore || holes != units)
        {
            _ranks.Add(span);
        }
        else
        {
            _ranks.Settle(span);
        }

        return released;
    }

    // Row by row; returns those that went.
    private static ulong ReleaseUnits(Span* span, ulong units, ref IdleStep step)
    {
        ulong released = 0;
        for (ulong left = units; left != 0 && !step.IsRefused;)
        {
            int count = Bits.TakeRow(ref left, out int first);
            nuint bytes = (nuint)count << KernelPage.Shift;
            step.IsRefused = !TSpans.Release(span->Start + ((nuint)first << KernelPage.Shift), bytes);
            step.OnRelease(bytes);
            released |= step.IsRefused ? 0 : Bits.Mask(first, first + count);
        }

        return released;
    }

    /// <summary>Hands out, for good and to nobody, the objects that are here.</summary>
    internal void Withhold()
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        GiveKept(all: true);
        Lock.Acquire();
        for (Span* span = _ranks.Fullest(); span != null; span = _ranks.Fullest())
        {
            _out += TakeObjects(span, objects, SizeClasses.MaxBatch, out _);
            _ranks.Update(span);
        }

        Lock.Release();
    }

    // For a turn that many take side by side.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        if (Lock.TryAcquire())
        {
            _waits -= (ushort)(_waits > 0 ? 1 : 0);
        }
        else
        {
            Lock.Acquire();
            _waits += (ushort)(IsWaitedFor ? 0 : OftenTurns);
        }
    }

    // Makes a remnant of the emptiest span of those ranks; false if there is none, or no memory for it.
    private bool ShedOne(nuint sizeClass, int ranks)
    {
        ulong* sets = TSpans.TakeRemnantSets(sizeClass);
        if (sets == null)
        {
            return false;
        }

        Lock.Acquire();
        Span* span = _ranks.Emptiest(ranks);
        nuint start = 0;
        uint pages = 0;
        uint holes = 0;
        if (span != null)
        {
            _ranks.Remove(span);
            _spans--;
            _out -= span->Out;
            ForgetHoles(span);
            start = span->Start;
            holes = span->HolePages();
            pages = TSpans.MakeRemnant(span, sizeClass, sets);
        }

        Lock.Release();
        if (span == null)
        {
            TSpans.GiveRemnantSets(sizeClass, sets);
            return false;
        }

        TSpans.GivePages(start, pages, holes & pages);
        return true;
    }

    // Objects that their class's spans do not take: they lie where others do too, or are none.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void GiveElsewhere(nuint sizeClass, void** objects, int count)
    {
        int none = TSpans.GiveElsewhere(sizeClass, objects, count);
        for (int i = 0; i < none; i++)
        {
            Misuse.ReportNoObject(objects[i], sizeClass);
        }
    }

    // Objects to their spans, up to one that no span of the class takes, or until a span is left that must move: returns that. No calls, and all
    // in registers: where blocks are freed in any order, it is most of what that costs.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Span* GiveToSpans(nuint sizeClass, ref void** objects, void** end)
    {
        nuint size = SizeClasses.Size(sizeClass);
        ulong reciprocal = SizeClasses.Reciprocal(sizeClass);
        nuint bytes = SizeClasses.PagesPerSpan(sizeClass) << PageMap.PageShift;
        Span* span = null;
        Span* last = null; // that took an object
        nuint start = (nuint)1 << 63; // far from all addresses
        void** next = objects;
        for (; next < end; next++)
        {
            nuint address = (nuint)(*next);
            if (address - start >= bytes)
            {
                span = PageMap.SpanOf(address);
                if ((last != null && last->Out < last->LeastOut) || span == null || !span->IsOf(sizeClass))
                {
                    break;
                }

                start = span->Start;
            }

            if (!span->TryGive(address - start, size, reciprocal))
            {
                break;
            }

            last = span;
        }

        objects = next;
        return last != null && last->Out < last->LeastOut ? last : null;
    }

    private static bool IsInSpanOf(nuint sizeClass, void* item)
    {
        Span* span = PageMap.SpanOf((nuint)item);
        return span != null && span->IsOf(sizeClass);
    }

    // The next few lie side by side: what was taken at once is often freed in order.
    private static bool AreNeighbours(nuint sizeClass, void** objects, void** end)
    {
        if (end - objects <= FewNeighbours)
        {
            return false;
        }

        nuint distance = (nuint)objects[FewNeighbours] - (nuint)objects[0];
        nuint expected = SizeClasses.Size(sizeClass) * FewNeighbours;
        return distance == expected || distance == 0 - expected;
    }

    private bool GiveNeighbours(nuint sizeClass, ref void** objects, void** end, ref ulong leaving)
    {
        Span* span = PageMap.SpanOf((nuint)(*objects));
        nint given = span != null && span->IsOf(sizeClass) ? span->GiveNeighbours(objects, (nint)(end - objects)) : 0;
        objects += given;
        if (given > 0 && span->Out < span->LeastOut)
        {
            MoveDown(span, ref leaving);
        }

        return given > 0;
    }

    // To the list where a span belongs now that it has fewer objects out, or away if it has none.
    private void MoveDown(Span* span, ref ulong leaving)
    {
        _ranks.Remove(span);
        if (span->Out == 0)
        {
            GiveOrKeep(span, ref leaving);
        }
        else
        {
            _ranks.Add(span);
        }
    }

    private Span* TakeKept()
    {
        Span* span = (Span*)_whole;
        if (span != null)
        {
            SpanList.Remove(ref _whole, span);
            TSpans.EndKeep(span->Pages);
            _kept--;
            _leastKept = _kept < _leastKept ? _kept : _leastKept;
        }

        return span;
    }

    // As Span's, and counts the holes that end. Few spans have any.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int TakeObjects(Span* span, void** objects, int count, out ulong filled)
    {
        ulong holes = span->Holes;
        int taken = span->TakeObjects(objects, count);
        filled = 0;
        if (holes != 0)
        {
            filled = holes & ~span->Holes;
            nuint bytes = Span.BytesOfUnits(filled);
            CountHoles(-(nint)bytes);
            _patience.OnWantedAgain((uint)(bytes >> KernelPage.Shift));
        }

        return taken;
    }

    // Of the spans that the class has, as many as there are. "filled": holes of the last span that are none any more.
    private int TakeHere(void** objects, int count, out ulong filled)
    {
        filled = 0;
        int taken = 0;
        while (taken < count)
        {
            Span* span = _ranks.Fullest();
            if (span != null)
            {
                taken += TakeObjects(span, objects + taken, count - taken, out filled);
                _ranks.Update(span);
                continue;
            }

            span = TakeKept();
            if (span == null)
            {
                break;
            }

            taken += TakeObjects(span, objects + taken, count - taken, out filled);
            _ranks.Add(span);
        }

        return taken;
    }

    private int TakeFromNew(Span* span, void** objects, int count)
    {
        span->PrepareObjects();
        span->Home = Number;
        _spans++;
        if (_given > 0)
        {
            _given--;
            _wantedAgain++;
        }

        int taken = span->TakeObjects(objects, count);
        _ranks.Add(span);
        return taken;
    }

    private void GiveOrKeep(Span* span, ref ulong leaving)
    {
        if (_kept < _wantedAgain && _kept < _spans - SpansNeverKept && TSpans.TryKeep(span->Pages))
        {
            SpanList.Add(ref _whole, span);
            _kept++;
        }
        else
        {
            _given++;
            Leave(span, ref leaving);
        }
    }

    // Out of the page map while the lock is held, so that who frees one of its objects again finds no span.
    private void Leave(Span* span, ref ulong leaving)
    {
        _spans--;
        ForgetHoles(span);
        PageMap.ClearSpan(span);
        SpanList.Add(ref leaving, span);
    }

    // Of a span that is the class's no more.
    private void ForgetHoles(Span* span)
    {
        if (span->Holes != 0)
        {
            CountHoles(-(nint)Span.BytesOfUnits(span->Holes));
        }
    }

    private void CountHoles(nint bytes)
    {
        _holes += (nuint)bytes;
        TSpans.CountHoles(bytes);
    }

    // Those that have left.
    private static void GiveSpans(ulong leaving)
    {
        for (Span* span = (Span*)leaving; span != null;)
        {
            Span* next = span->Next;
            TSpans.Give(span);
            span = next;
        }
    }

    // Into an order in which neighbours share no cache line, as far as they reach.
    private static void Spread(void** objects, int count, int size)
    {
        void** ascending = stackalloc void*[SizeClasses.MaxBatch];
        for (int i = 0; i < count; i++)
        {
            ascending[i] = objects[i];
        }

        int step = (CacheLine + size - 1) / size;
        int place = 0;
        for (int first = 0; first < step; first++)
        {
            for (int i = first; i < count; i += step)
            {
                objects[place++] = ascending[i];
            }
        }
    }
}
