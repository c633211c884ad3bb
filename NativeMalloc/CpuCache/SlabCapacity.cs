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
    /// Most objects of a class: so many bytes of them, within these bounds. (tcmalloc's are 2,048 of the ten smallest, 128 of others. With
    /// 256 KiB 2,000 blocks of 1 KiB, taken and freed in turn, cost four times as much.)
    /// </summary>
    private const int MaxBytes = 2 << 20;
    private const int MostObjects = 8192;
    private const int LeastObjects = 128;

    /// <summary>Of those smaller than that fewer: a program that has many has little else, and 8,192 of them made its peak 3 % higher.</summary>
    private const int TinyBytes = 64;
    private const int MostTinyObjects = 4096;

    /// <summary>
    /// A stack that is too small gives way to one of this many times its places. One that fills a page of the kernel's gives way to the class's
    /// last, which is touched as it is used, while what is left behind stays.
    /// </summary>
    private const int StackGrowth = 4;
    private const int MinStack = 8;
    private const int PageOfStack = 512;

    /// <summary>
    /// A class whose room the others must give asks this often before it gets any: a batch that comes and goes is cheap, and
    /// where all classes are busy, what is taken from one is soon taken back.
    /// </summary>
    private const int TakeEvery = 8;

    /// <summary>And so often more after the others had none to give: a look at all of them costs as much as some batches.</summary>
    private const int TakeLater = 56;

    /// <summary>What comes or goes at once, where it is more than a batch, is this part of the class's capacity.</summary>
    private const int MoveFraction = 8;

    /// <summary>A class's first room, and what it takes from others at one time, is at most this part of the budget.</summary>
    private const int StepFraction = 32;
    private const int LeastStep = 2;

    /// <summary>Most classes that lose objects, rather than unused room, in favour of another at one time.</summary>
    private const int MaxEvictions = 4;

    /// <summary>
    /// Doubles a class's capacity as far as its bound and the budget allow; where the budget is spent, adds a batch at the others'
    /// expense, every so often. False if the capacity stays as it is, also where another thread is at it: it is an optimisation.
    /// </summary>
    internal static bool Grow(Slab* slab, nuint sizeClass)
    {
        bool spent = slab->BudgetBytes - slab->CapacityBytes < (nint)SizeClasses.Size(sizeClass);
        if (spent)
        {
            // Where all classes are busy, this is the way of nearly every slow path.
            if (++slab->Waits[sizeClass] < TakeEvery)
            {
                return false;
            }

            slab->Waits[sizeClass] = 0;
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
        int max = MaxOf(sizeClass);
        int step = StepOf(slab, sizeClass);
        int wanted = capacity == 0 ? step : capacity;
        wanted = wanted < max - capacity ? wanted : max - capacity;
        if (wanted == 0)
        {
            return false;
        }

        nint size = (nint)SizeClasses.Size(sizeClass);
        if (spent)
        {
            wanted = wanted < step ? wanted : step;
            Take(slab, sizeClass, slab->CapacityBytes + wanted * size - slab->BudgetBytes);
        }

        nint affordable = (slab->BudgetBytes - slab->CapacityBytes) / size;
        wanted = wanted < affordable ? wanted : (int)affordable;
        if (wanted <= 0)
        {
            slab->Waits[sizeClass] = -TakeLater;
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

        slab->CapacityBytes += wanted * size;
        return true;
    }

    // What a class gets at once: a batch, or less where the budget is so small that batches of all classes would not fit.
    private static int StepOf(Slab* slab, nuint sizeClass)
    {
        nint share = slab->BudgetBytes / StepFraction / (nint)SizeClasses.Size(sizeClass);
        int batch = SizeClasses.Batch(sizeClass);
        return share >= batch ? batch : share > LeastStep ? (int)share : LeastStep;
    }

    /// <summary>
    /// How many objects come and go at once: a batch, or more of a class that has much room, so that it comes seldom. At most half of its
    /// capacity: else the slab would be full or empty after each move, and the next operation would be another.
    /// </summary>
    internal static int MoveOf(Slab* slab, nuint sizeClass)
    {
        int capacity = Slab.CapacityOf(slab, sizeClass);
        int batch = SizeClasses.Batch(sizeClass);
        int half = HalfOf(capacity);
        int part = capacity / MoveFraction;
        return half < batch ? half : part < batch ? batch : part < SizeClasses.MaxMove ? part : SizeClasses.MaxMove;
    }

    /// <summary>How many objects to take for a slab that has none: one for the caller, and those that there is room for.</summary>
    internal static int RefillOf(Slab* slab, nuint sizeClass)
    {
        int batch = SizeClasses.Batch(sizeClass);
        int room = Slab.RoomOf(slab, sizeClass);
        int move = MoveOf(slab, sizeClass);
        int most = move > batch ? move : batch;
        int wanted = 1 + (room < move ? room : move);
        return wanted < most ? wanted : most;
    }

    /// <summary>Most objects of the class that any slab may hold.</summary>
    internal static int MaxOf(nuint sizeClass)
    {
        int size = (int)SizeClasses.Size(sizeClass);
        int max = MaxBytes / size;
        int most = size < TinyBytes ? MostTinyObjects : MostObjects;
        return max > most ? most : max > LeastObjects ? max : LeastObjects;
    }

    /// <summary>Gives back what is beyond the budget, which may be smaller than it was: some of it at a time.</summary>
    internal static void Fit(Slab* slab)
    {
        if (slab->CapacityBytes > slab->BudgetBytes)
        {
            Take(slab, 0, slab->CapacityBytes - slab->BudgetBytes);
        }
    }

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
            Cut(slab, sizeClass, HalfOf(Slab.RoomOf(slab, sizeClass)));
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
        Slab.ForgetCuts(slab);
    }

    // Gives a class a stack of at least that many places, with its old capacity; its objects go to the transfer cache.
    private static bool MoveStack(Slab* slab, nuint sizeClass, int capacity, int places)
    {
        int max = MaxOf(sizeClass);
        int stack = MinStack;
        while (stack < places)
        {
            stack *= StackGrowth;
        }

        stack = stack > PageOfStack || stack > max ? max : stack;
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
        if (slab->StacksTakenBack == slab->PeriodStart)
        {
            return;
        }

        slab->StacksTakenBack = slab->PeriodStart;
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

            slab->CapacityBytes -= capacity * (nint)SizeClasses.Size(sizeClass);
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

    // Takes capacity for about that many bytes from the other classes: unused room at no cost, else by evicting objects.
    private static void Take(Slab* slab, nuint except, nint bytes)
    {
        int evictions = 0;
        for (int steps = 1; steps < SizeClasses.Count && bytes > 0; steps++)
        {
            slab->Hand = slab->Hand + 1 < SizeClasses.Count ? slab->Hand + 1 : 1;
            nuint victim = (nuint)slab->Hand;
            if (victim == except || Slab.CapacityOf(slab, victim) == 0)
            {
                continue;
            }

            if (Slab.RoomOf(slab, victim) == 0)
            {
                if (evictions == MaxEvictions)
                {
                    continue;
                }

                evictions++;
                Evict(slab, victim, SizeClasses.Batch(victim));
            }

            nint size = (nint)SizeClasses.Size(victim);
            nint wanted = (bytes + size - 1) / size;
            int half = HalfOf(Slab.CapacityOf(slab, victim)); // who has much gives most
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

        slab->CapacityBytes -= taken * (nint)SizeClasses.Size(sizeClass);
        return taken;
    }

    private static int Evict(Slab* slab, nuint sizeClass, int count)
    {
        void** objects = stackalloc void*[SizeClasses.MaxBatch];
        int taken = Shim.PopBatch(slab, sizeClass, objects, count);
        if (taken > 0)
        {
            Heap.Transfer(sizeClass)->Give(sizeClass, objects, taken);
        }

        return taken;
    }

    // Of one, one.
    private static int HalfOf(int count) => (count + 1) / 2;

    private static uint Size(int places) => (uint)(places * sizeof(void*));
}
