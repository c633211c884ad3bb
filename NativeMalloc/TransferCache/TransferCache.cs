using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>What stands behind a transfer cache.</summary>
internal unsafe interface IObjectSource
{
    /// <summary>Takes up to <paramref name="count"/> objects; returns how many, none when there is no memory.</summary>
    static abstract int Take(nuint sizeClass, void** objects, int count);

    static abstract void Give(nuint sizeClass, void** objects, int count);
}

/// <summary>
/// Objects of one class on their way from one CPU's slab to another's: a stack of pointers under a lock, so that a batch
/// moves without a look at spans. All zeros is the empty cache.
/// </summary>
/// <remarks>
/// It starts without room and grows when batches that it refused were wanted again, up to a bound (<see cref="TransferRoom"/>). What it never
/// touched since the last <see cref="Plunder"/> goes back to the source.
/// </remarks>
internal unsafe partial struct TransferCache<TSource>
    where TSource : IObjectSource
{
    /// <summary>Takes up to <paramref name="count"/> objects; returns how many, none when there is no memory.</summary>
    internal int Take(nuint sizeClass, void** objects, int count)
    {
        int taken = TakeKept(objects, count);
        return taken > 0 ? taken : TSource.Take(sizeClass, objects, count);
    }

    /// <summary>Takes objects back; those that there is no room for go on to the source.</summary>
    internal void Give(nuint sizeClass, void** objects, int count)
    {
        Lock.Acquire();
        if (IsTopmostLocked(objects[count - 1]))
        {
            Misuse.Report(Caller.Free, objects[--count], Fault.Freed); // what slabs have no room for may be freed twice in a row, too
        }

        if (_count + count > _capacity && _misses >= 2 * SizeClasses.ReturnsBeforeKept(sizeClass))
        {
            Grow(sizeClass);
        }

        int room = _capacity - _count;
        int kept = count < room ? count : room;
        Copy(_objects + _count, objects, kept);
        _count += kept;
        if (kept == count)
        {
            _hits++;
        }
        else
        {
            _misses++;
        }

        Lock.Release();
        if (kept < count)
        {
            TSource.Give(sizeClass, objects + kept, count - kept);
        }
    }

    /// <summary>The object was given last, and has not been taken again.</summary>
    internal bool IsTopmost(void* item)
    {
        Lock.Acquire();
        bool topmost = IsTopmostLocked(item);
        Lock.Release();
        return topmost;
    }

    /// <summary>Gives back to the source what has lain here untouched since the last call, or all there is.</summary>
    internal void Plunder(nuint sizeClass, bool all)
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return; // also so that a small program need not touch every class
        }

        void** batch = stackalloc void*[SizeClasses.MaxBatch];
        Lock.Acquire();
        int excess = all ? _count : _lowWater;
        while (true)
        {
            // From the bottom would be fairer to the caches of the CPUs, but would move all the others.
            int count = excess < SizeClasses.MaxBatch ? excess : SizeClasses.MaxBatch;
            count = count < _count ? count : _count;
            _count -= count;
            _lowWater = _count;
            Copy(batch, _objects + _count, count);
            Lock.Release();
            if (count == 0)
            {
                return;
            }

            TSource.Give(sizeClass, batch, count); // which may take system calls, for which nobody should wait
            excess -= count;
            Lock.Acquire();
        }
    }

    private readonly bool IsTopmostLocked(void* item) => _count > 0 && _objects[_count - 1] == item;

    private int TakeKept(void** objects, int count)
    {
        Lock.Acquire();
        int taken = count < _count ? count : _count;
        if (taken > 0)
        {
            _count -= taken;
            Copy(objects, _objects + _count, taken);
            if (_count < _lowWater)
            {
                _lowWater = _count;
            }

            _hits++;
        }
        else
        {
            _misses++;
        }

        Lock.Release();
        return taken;
    }

    // The lock is free while memory for it comes, perhaps from the kernel: one thread asks for that at a time.
    private void Grow(nuint sizeClass)
    {
        int capacity = TransferRoom.Next(_capacity, (int)SizeClasses.Size(sizeClass), SizeClasses.Batch(sizeClass), Heap.Pages->UsedBytes);
        if (capacity <= _capacity || _grows)
        {
            return;
        }

        _grows = true;
        Lock.Release();
        void** larger = (void**)Metadata.Allocate((nuint)capacity * (nuint)sizeof(void*));
        Lock.Acquire();
        _grows = false;
        if (larger == null)
        {
            return; // the cache stays as it is; nothing depends on its size
        }

        Copy(larger, _objects, _count);
        _objects = larger;
        _capacity = capacity;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(void** to, void** from, int count)
    {
        for (int i = 0; i < count; i++)
        {
            to[i] = from[i];
        }
    }
}
