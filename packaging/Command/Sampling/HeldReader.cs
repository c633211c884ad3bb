using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>What the blocks of each of a process's stacks keep from going back, as the process counts it itself for its own profiles.</summary>
internal static unsafe class HeldReader
{
    /// <summary>More samples than there can be: the list leads in a circle, because the memory is not what it should be.</summary>
    private const int MostSamples = 100_000_000;

    /// <summary>Bytes, by the stacks' addresses; and what there is in all.</summary>
    internal static Dictionary<ulong, double> Read(TargetProcess process, Roots roots, out PinnedBytes all)
    {
        PieceReader memory = new(process);
        TargetHeap.LookAt(memory, (nuint)roots.PageMap);
        Dictionary<ulong, double> held = [];
        Pins<TargetHeap> pins = default;
        int count = 0;
        for (ulong at = (ulong)process.Read<SamplerState>((ulong)roots.Sampler).FirstSample; at != 0;)
        {
            Sample sample = MemoryMarshal.Read<Sample>(memory.At(at, sizeof(Sample)));
            if (sample.Address > Sample.Link)
            {
                ref double bytes = ref CollectionsMarshal.GetValueRefOrAddDefault(held, (ulong)sample.Stack, out _);
                bytes += sample.Objects * pins.ShareOf(sample.Address);
            }

            at = sample.Address == Sample.Link ? (ulong)sample.Next : at + (ulong)sizeof(Sample);
            _ = ++count < MostSamples ? at : throw process.Changed();
        }

        all = default;
        nuint address = 0;
        while (Pins<TargetHeap>.Measure(ref address, ref all))
        {
        }

        return held;
    }
}
