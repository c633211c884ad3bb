namespace NativeMalloc;

/// <summary>
/// Each call stack once. It grows by stacks that are new, up to a bound: what comes then counts for one entry for all of those. The sampler's lock
/// is held.
/// </summary>
internal unsafe struct StackTable
{
    private const uint FirstBuckets = 512;

    private CallStack* _first;
    private CallStack* _last;
    private CallStack** _buckets;
    private uint _bucketCount;
    private uint _count;
    private nuint _bytes;

    /// <summary>The entry of a stack, or that of those for which there is no room; null where there is no memory for any.</summary>
    internal CallStack* Of(nuint* frames, int depth, StackEnd end, ref SamplerState state)
    {
        if (_first == null && !Begin(ref state))
        {
            return null;
        }

        ulong hash = HashOf(frames, depth, end);
        CallStack* stack = Find(hash, frames, depth, end);
        if (stack == null && (stack = Add(hash, frames, depth, end)) == null)
        {
            state.MissedStacks++;
            return _first;
        }

        return stack;
    }

    private bool Begin(ref SamplerState state)
    {
        _buckets = TakeBuckets(FirstBuckets);
        CallStack* first = _buckets != null ? (CallStack*)Metadata.Allocate((nuint)sizeof(CallStack)) : null;
        if (first == null)
        {
            return false;
        }

        _bucketCount = FirstBuckets;
        first->End = StackEnd.NoRoom;
        _first = _last = first;
        state.FirstStack = first;
        return true;
    }

    private readonly CallStack* Find(ulong hash, nuint* frames, int depth, StackEnd end)
    {
        CallStack* stack = *BucketOf(hash);
        while (stack != null && !(stack->Hash == hash && IsSame(stack, frames, depth, end)))
        {
            stack = stack->Next;
        }

        return stack;
    }

    private CallStack* Add(ulong hash, nuint* frames, int depth, StackEnd end)
    {
        nuint bytes = CallStack.BytesFor(depth);
        CallStack* stack = _bytes + bytes <= CallStack.MostBytes ? (CallStack*)Metadata.Allocate(bytes) : null;
        if (stack == null)
        {
            return null;
        }

        _bytes += bytes;
        stack->Hash = hash;
        stack->Depth = (ushort)depth;
        stack->End = end;
        nuint* to = CallStack.FramesOf(stack);
        for (int i = 0; i < depth; i++)
        {
            to[i] = frames[i];
        }

        if (_count == _bucketCount)
        {
            Grow();
        }

        _count++;
        CallStack** bucket = BucketOf(hash);
        stack->Next = *bucket;
        *bucket = stack;
        _last->Later = stack;
        _last = stack;
        return stack;
    }

    // What has grown too small is left behind: all that were take as much memory as the next. Where there is none, chains get longer.
    private void Grow()
    {
        CallStack** buckets = TakeBuckets(_bucketCount * 2);
        if (buckets == null)
        {
            return;
        }

        _buckets = buckets;
        _bucketCount *= 2;
        for (CallStack* stack = _first->Later; stack != null; stack = stack->Later)
        {
            CallStack** bucket = BucketOf(stack->Hash);
            stack->Next = *bucket;
            *bucket = stack;
        }
    }

    private readonly CallStack** BucketOf(ulong hash) => _buckets + (hash & _bucketCount - 1);

    private static CallStack** TakeBuckets(uint count) => (CallStack**)Metadata.Allocate(count * (nuint)sizeof(CallStack*));

    private static ulong HashOf(nuint* frames, int depth, StackEnd end)
    {
        ulong hash = (ulong)end;
        for (int i = 0; i < depth; i++)
        {
            hash = Hash.Add(hash, frames[i]);
        }

        return hash;
    }

    private static bool IsSame(CallStack* stack, nuint* frames, int depth, StackEnd end)
    {
        bool same = stack->Depth == depth && stack->End == end;
        nuint* own = CallStack.FramesOf(stack);
        for (int i = 0; same && i < depth; i++)
        {
            same = own[i] == frames[i];
        }

        return same;
    }
}
