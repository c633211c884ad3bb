using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The shim's double: the sequences as plain code over the slab of the only CPU. They can be told to find themselves on
/// another CPU, as the real ones do after a migration.
/// </summary>
internal static unsafe class Shim
{
    private static readonly ThreadLocal<nint> s_state = new(() =>
    {
        ThreadState* state = (ThreadState*)NativeMemory.Alloc((nuint)sizeof(ThreadState));
        Begin(state);
        return (nint)state;
    });

    internal static Slab* CurrentSlab { get; set; }

    /// <summary>Asked at the start of each sequence; never, if it is null.</summary>
    internal static Func<bool> IsOnOtherCpu { get; set; }

    /// <summary>What another thread does right after a header was swapped; nothing, if it is null.</summary>
    internal static Action OnHeaderSwapped { get; set; }

    internal static int ErrorNumber { get; set; }

    internal static Dictionary<nuint, nuint> AuxiliaryVector { get; } = [];

    /// <summary>What each call of <see cref="StreamWrite"/> was given.</summary>
    internal static List<byte[]> Streamed { get; } = [];

    /// <summary>What tracers would have been told: of a block that is freed, only where it was.</summary>
    internal static List<(nuint Block, nuint Size, nuint Weight)> Probed { get; } = [];

    internal static int Tracers { get; set; }

    internal static void Reset()
    {
        Begin(Thread());
        CurrentSlab = null;
        IsOnOtherCpu = null;
        OnHeaderSwapped = null;
        ErrorNumber = 0;
        AuxiliaryVector.Clear();
        Streamed.Clear();
        Probed.Clear();
        Tracers = 0;
        Objects = [];
        FunctionOfLibc = 0;
        OwnFunctions = default;
    }

    internal static uint ExchangeMxcsr(uint value) => value;

    internal static int PopBatch(Slab* slab, nuint sizeClass, void** objects, int count)
    {
        if (!IsHere(slab))
        {
            return -1;
        }

        ulong header = slab->Headers[sizeClass];
        uint current = Slab.Current(header);
        int taken = 0;
        while (taken < count && *(void**)((byte*)slab + current - sizeof(void*)) != null)
        {
            current -= (uint)sizeof(void*);
            objects[taken++] = *(void**)((byte*)slab + current);
        }

        slab->Headers[sizeClass] = Slab.Header(current, Slab.End(header));
        return taken;
    }

    internal static int PushBatch(Slab* slab, nuint sizeClass, void** objects, int count)
    {
        if (!IsHere(slab))
        {
            return -1;
        }

        ulong header = slab->Headers[sizeClass];
        uint current = Slab.Current(header);
        int given = 0;
        while (given < count && current < Slab.End(header))
        {
            *(void**)((byte*)slab + current) = objects[count - ++given];
            current += (uint)sizeof(void*);
        }

        slab->Headers[sizeClass] = Slab.Header(current, Slab.End(header));
        return given;
    }

    internal static int SwapHeader(Slab* slab, nuint sizeClass, ulong expected, ulong desired)
    {
        if (!IsHere(slab))
        {
            return -1;
        }

        if (slab->Headers[sizeClass] != expected)
        {
            return 0;
        }

        slab->Headers[sizeClass] = desired;
        OnHeaderSwapped?.Invoke();
        return 1;
    }

    /// <summary>An address that slabs' places in a table count from.</summary>
    internal static Slab* SentinelSlab() => (Slab*)4096;

    internal static int IsSingleThreaded() => 0;

    /// <summary>The CPU on which the test's thread runs.</summary>
    [System.ThreadStatic]
    internal static int Cpu;

    internal static int CurrentIndex() => Cpu;

    /// <summary>The loaded objects that libc knows of; null where it does not say.</summary>
    internal static List<CodeObject> Objects { get; set; }

    internal static int FindObject(void* address, FoundObject* found)
    {
        if (Objects == null)
        {
            return FoundObject.NobodyKnows;
        }

        foreach (CodeObject code in Objects)
        {
            if (code.Contains((nuint)address))
            {
                *found = new FoundObject { Start = code.Start, End = code.End, Frames = code.Frames };
                return 0;
            }
        }

        return -1;
    }

    /// <summary>Where the library's functions are.</summary>
    internal static (nuint Start, nuint End) OwnFunctions { get; set; }

    internal static int IsOwnFunction(void* address) => (nuint)address >= OwnFunctions.Start && (nuint)address < OwnFunctions.End ? 1 : 0;

    internal static nuint FunctionOfLibc { get; set; }

    internal static void* LibcFunction() => (void*)FunctionOfLibc;

    internal static ThreadState* Thread() => (ThreadState*)s_state.Value;

    internal static void Fill(void* to, int value, nuint length) => NativeMemory.Fill(to, length, (byte)value);

    internal static void Move(void* to, void* from, nuint length) => Buffer.MemoryCopy(from, to, length, length);

    internal static void SetErrno(int value) => ErrorNumber = value;

    internal static nuint AuxiliaryValue(nuint type) => AuxiliaryVector.GetValueOrDefault(type);

    internal static int StreamWrite(void* stream, byte* text, nuint length)
    {
        Streamed.Add(new ReadOnlySpan<byte>(text, (int)length).ToArray());
        return 0;
    }

    internal static void ProbeAlloc(void* block, nuint size, nuint weight) => Probed.Add(((nuint)block, size, weight));

    internal static void ProbeFree(void* block) => Probed.Add(((nuint)block, 0, 0));

    internal static int AllocProbes() => Tracers;

    internal static void Abort() => throw new AbortException();

    // As the shim's image of a thread's state has it.
    private static void Begin(ThreadState* state)
    {
        *state = default;
        state->UntilSample = AllocationClock.NoSample;
    }

    private static bool IsHere(Slab* slab) => slab == CurrentSlab && !(IsOnOtherCpu?.Invoke() ?? false);
}
