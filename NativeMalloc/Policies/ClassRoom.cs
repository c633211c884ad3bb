namespace NativeMalloc;

/// <summary>
/// How much of one class a slab may hold, out of the slab's budget, and how many objects come and go at once. Counts are objects, or places
/// for them.
/// </summary>
internal static class ClassRoom
{
    /// <summary>
    /// Most objects of a class: so many bytes of them (with 256 KiB 2,000 blocks of 1 KiB, taken and freed in turn, cost four times as much), and
    /// no more than so many, since each has a place in the slab (with half as many 10,000 of 64 bytes cost a quarter more).
    /// </summary>
    private const int MostBytes = 2 << 20;
    private const int MostObjects = 8192;

    /// <summary>
    /// A stack that is too small gives way to one of this many times the places that are needed. What is left behind stays: a third of the last. So it
    /// is with the arrays of transfer caches.
    /// </summary>
    internal const int Growth = 4;

    /// <summary>
    /// A class whose room the others must give asks this often before it gets any: a batch that comes and goes is cheap, and
    /// where all classes are busy, what is taken from one is soon taken back.
    /// </summary>
    private const int TakeEvery = 8;

    /// <summary>What comes or goes at once, where it is more than a batch, is this part of the class's capacity.</summary>
    private const int MoveFraction = 8;

    /// <summary>A class's first room, and what it takes from others at one time, is at most this part of the budget.</summary>
    private const int StepFraction = 32;

    /// <summary>Most objects of so many bytes that any slab may hold.</summary>
    internal static int Most(int size) => MostBytes / size is var most && most < MostObjects ? most : MostObjects;

    /// <summary>What a class gets at once: a batch, or less where the budget is so small that batches of all classes would not fit.</summary>
    internal static int Step(nint budget, int size, int batch)
    {
        nint share = budget / StepFraction / size;
        return share >= batch ? batch : share > 1 ? (int)share : 1;
    }

    /// <summary>How much more a class should get: as much as it has, but a step of what others must give.</summary>
    internal static int More(int capacity, int most, int step, bool spent)
    {
        int wanted = capacity == 0 || (spent && step < capacity) ? step : capacity;
        return wanted < most - capacity ? wanted : most - capacity;
    }

    /// <summary>
    /// How many objects come and go at once: a batch, or more of a class that has much room, so that it comes seldom. At most half of its
    /// capacity: else the slab would be full or empty after each move, and the next operation would be another.
    /// </summary>
    internal static int Move(int capacity, int batch)
    {
        int half = HalfOf(capacity);
        int part = capacity / MoveFraction;
        return half < batch ? half : part < batch ? batch : part < SizeClasses.MaxMove ? part : SizeClasses.MaxMove;
    }

    /// <summary>How many objects to take for a slab that has none: one for the caller, and those that there is room for.</summary>
    internal static int Refill(int capacity, int room, int batch)
    {
        int move = Move(capacity, batch);
        int most = move > batch ? move : batch;
        int wanted = 1 + (room < move ? room : move);
        return wanted < most ? wanted : most;
    }

    /// <summary>How many places to give a class that needs so many, and has a stack with fewer, or none.</summary>
    internal static int Stack(int needed, int places, int most)
    {
        int stack = places == 0 ? needed : needed * Growth;
        return stack < most ? stack : most;
    }

    /// <summary>Whether a class that asks for the others' room gets some, where it has asked so often in vain.</summary>
    internal static bool Gets(ref sbyte asked)
    {
        // Where all classes are busy, this is the way of nearly every slow path.
        if (++asked < TakeEvery)
        {
            return false;
        }

        asked = 0;
        return true;
    }

    /// <summary>What a class that has more than it uses, or more than others, gives of it at once. Of one, one.</summary>
    internal static int HalfOf(int count) => (count + 1) / 2;
}
