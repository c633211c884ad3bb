namespace NativeMalloc;

/// <summary>
/// How much of each class a slab may hold. Capacity goes to the classes that run full, out of a budget of bytes for the whole
/// slab; when that is spent, it is taken from the other classes in turn.
/// </summary>
/// <remarks>
/// Every change of a live slab is one header swapped by a sequence on the slab's CPU, so it cannot collide with a
/// push or a pop; it fails, and is simply not made, when the caller is on another CPU by now. Changes are made under the slab's lock.
/// </remarks>
internal static unsafe class SlabCapacity
{
    /// <summary>
    /// Doubles a class's capacity as far as its bound and the budget allow; where the budget is spent, adds a batch at the others'
    /// expense, every so often. False if the capacity stays as it is, also where another thread is at it: it is an optimisation.
    /// </summary>
    internal static bool Grow(Slab* slab, nuint sizeClass)
    {
        bool spent = IsSpent(slab, sizeClass);
        if (spent && !ClassRoom.Gets(ref slab->Waits[sizeClass]))
        {
            return false;
        }

        if (spent)
        {
            FrontEnd.ShareBudget(slab); // it may have earned more
            spent = IsSpent(slab, sizeClass);
        }

        if (Slab.CapacityOf(slab, sizeClass) >= MaxOf(sizeClass) || !slab->Lock.TryAcquire())
        {
            return false;
        }

        bool grew = GrowLocked(slab, sizeClass, spent);
        slab->Lock.Release();
        return grew;
    }

    private static bool GrowLocked(Slab* slab, nuint sizeClass, bool spent)
    {
        int capacity = Slab.CapacityOf(slab, sizeClass);
        nint size = (nint)SizeClasses.Size(sizeClass);
        int step = ClassRoom.Step(slab->BudgetBytes, (int)size, SizeClasses.Batch(sizeClass));
        int wanted = ClassRoom.More(capacity, MaxOf(sizeClass), step, spent);
        if (wanted == 0)
        {
            return false;
        }

        if (spent)
        {
            MakeRoom(slab, sizeClass, wanted * size, SizeClasses.IsLarge(sizeClass));
        }

        nint affordable = Unspent(slab, sizeClass) / size;
        wanted = wanted < affordable ? wanted : (int)affordable;
        if (wanted <= 0)
        {
            return false;
        }

        if (capacity + wanted > Slab.PlacesOf(slab, sizeClass)
            && !MoveStack(slab, sizeClass, capacity, capacity + wanted))
        {
            return false;
        }

        ulong header = Slab.HeaderOf(slab, sizeClass);
        ulong larger = Slab.Header(Slab.Current(header), Slab.End(header) + Size(wanted));
        if (Shim.SwapHeader(slab, sizeClass, header, larger) != 1)
        {
            return false;
        }

        CountCapacity(slab, sizeClass, wanted);
        return true;
    }

    private static bool IsSpent(Slab* slab, nuint sizeClass) => Unspent(slab, sizeClass) < (nint)SizeClasses.Size(sizeClass);

    // Bytes that the class could have without another giving any.
    private static nint Unspent(Slab* slab, nuint sizeClass)
    {
        nint unspent = slab->BudgetBytes - slab->CapacityBytes;
        nint unspentOfLarge = SizeClasses.IsLarge(sizeClass) ? slab->LargeBudgetBytes - slab->LargeBytes : unspent;
        return unspent < unspentOfLarge ? unspent : unspentOfLarge;
    }

    private static void CountCapacity(Slab* slab, nuint sizeClass, int places)
    {
        nint bytes = places * (nint)SizeClasses.Size(sizeClass);
        slab->CapacityBytes += bytes;
        slab->LargeBytes += SizeClasses.IsLarge(sizeClass) ? bytes : 0;
    }

    /// <summary>How many objects come and go at once.</summary>
    internal static int MoveOf(Slab* slab, nuint sizeClass) => ClassRoom.Move(Slab.CapacityOf(slab, sizeClass), SizeClasses.Batch(sizeClass));

    /// <summary>How many objects to take for a slab that has none: one for the caller, and those that there is room for.</summary>
    internal static int RefillOf(Slab* slab, nuint sizeClass) =>
        ClassRoom.Refill(Slab.CapacityOf(slab, sizeClass), Slab.RoomOf(slab, sizeClass), SizeClasses.Batch(sizeClass));

    /// <summary>Most objects of the class that any slab may hold.</summary>
    internal static int MaxOf(nuint sizeClass) => ClassRoom.Most((int)SizeClasses.Size(sizeClass));

    /// <summary>Gives back what is beyond the budget, which may be smaller than it was: some of it at a time.</summary>
    internal static void Fit(Slab* slab) => MakeRoom(slab, 0, 0, large: true);

    /// <summary>
    /// Takes half of the room that each class does not use: the heap has fallen, and what it frees next would stay in the caller's own slab, though
    /// each object of it may hold a span.
    /// </summary>
    internal static void Halve(Slab* slab)
    {
        if (!slab->Lock.TryAcquire())
        {
            return;
        }

        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            Cut(slab, sizeClass, ClassRoom.HalfOf(Slab.RoomOf(slab, sizeClass)));
        }

        slab->Lock.Release();
    }

    /// <summary>Takes all room from a slab that is stopped and empty.</summary>
    internal static void Clear(Slab* slab)
    {
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            slab->Headers[sizeClass] = 0;
            Slab.ForgetStack(slab, sizeClass);
        }

        slab->CapacityBytes = 0;
        slab->LargeBytes = 0;
        Slab.ForgetCuts(slab);
    }

    // Gives a class a stack of at least that many places, with its old capacity; its objects go to the transfer cache.
    private static bool MoveStack(Slab* slab, nuint sizeClass, int capacity, int places)
    {
        int stack = ClassRoom.Stack(places, Slab.PlacesOf(slab, sizeClass), MaxOf(sizeClass));
        uint begin = Slab.PrepareStack(slab, stack);
        if (begin == 0)
        {
            TakeStacksBack(slab);
            return false; // this class, too, starts again
        }

        if (!SwapEmpty(slab, sizeClass, Slab.Header(begin, begin + Size(capacity))))
        {
            return false;
        }

        Slab.KeepStack(slab, sizeClass, begin, stack);
        return true;
    }

    // Where there is no room for another stack: all classes begin anew, with stacks as large as they are wanted now. At most once in a
    // period, since the caches are empty then. It is tried again later where a class cannot be emptied.
    private static void TakeStacksBack(Slab* slab)
    {
        if (slab->StacksTakenBack == slab->Period)
        {
            return;
        }

        slab->StacksTakenBack = slab->Period;
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            if (!Slab.HasStack(slab, sizeClass))
            {
                continue;
            }

            int capacity = Slab.CapacityOf(slab, sizeClass);
            if (!SwapEmpty(slab, sizeClass, 0))
            {
                return;
            }

            CountCapacity(slab, sizeClass, -capacity);
            Slab.ForgetStack(slab, sizeClass);
        }

        Slab.ForgetCuts(slab);
    }

    // Gives a class's objects to the transfer cache and it another header; false if it has some again by then.
    private static bool SwapEmpty(Slab* slab, nuint sizeClass, ulong header)
    {
        while (Evict(slab, sizeClass, SizeClasses.MaxBatch) == SizeClasses.MaxBatch)
        {
        }

        return Shim.SwapHeader(slab, sizeClass, Slab.EmptyHeaderOf(slab, sizeClass), header) == 1;
    }

    // For so many bytes more: of large objects, what their budget lacks comes from such, and what the whole budget still lacks from any.
    private static void MakeRoom(Slab* slab, nuint except, nint bytes, bool large)
    {
        if (large)
        {
            Take(slab, except, slab->LargeBytes + bytes - slab->LargeBudgetBytes, largeOnly: true);
        }

        Take(slab, except, slab->CapacityBytes + bytes - slab->BudgetBytes, largeOnly: false);
    }

    // Takes capacity for up to that many bytes from the other classes: unused room at no cost, and by evicting objects of the first that uses all.
    private static void Take(Slab* slab, nuint except, nint bytes, bool largeOnly)
    {
        bool evicted = false;
        for (int steps = 1; steps < SizeClasses.Count && bytes > 0; steps++)
        {
            slab->Hand = slab->Hand + 1 < SizeClasses.Count ? slab->Hand + 1 : 1;
            nuint victim = (nuint)slab->Hand;
            if (victim == except || Slab.CapacityOf(slab, victim) == 0 || (largeOnly && !SizeClasses.IsLarge(victim)))
            {
                continue;
            }

            if (Slab.RoomOf(slab, victim) == 0)
            {
                if (evicted)
                {
                    continue;
                }

                evicted = true;
                Evict(slab, victim, SizeClasses.Batch(victim));
            }

            nint size = (nint)SizeClasses.Size(victim);
            nint wanted = (bytes + size - 1) / size;
            int half = ClassRoom.HalfOf(Slab.CapacityOf(slab, victim)); // who has much gives most
            bytes -= Cut(slab, victim, wanted < half ? (int)wanted : half) * size;
        }
    }

    // Takes room that a class does not use, for up to so many objects; returns for how many.
    private static int Cut(Slab* slab, nuint sizeClass, int most)
    {
        ulong header = Slab.HeaderOf(slab, sizeClass);
        int room = Slab.RoomIn(header);
        int taken = most < room ? most : room;
        ulong smaller = Slab.Header(Slab.Current(header), Slab.End(header) - Size(taken));
        if (taken == 0 || Shim.SwapHeader(slab, sizeClass, header, smaller) != 1)
        {
            return 0;
        }

        CountCapacity(slab, sizeClass, -taken);
        return taken;
    }

    private static int Evict(Slab* slab, nuint sizeClass, int count)
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        int taken = Shim.PopBatch(slab, sizeClass, objects, count);
        if (taken > 0)
        {
            Slab.CountWent(slab, sizeClass, taken);
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, taken);
        }

        return taken;
    }

    private static uint Size(int places) => (uint)(places * sizeof(void*));
}
