namespace NativeMalloc;

/// <summary>What each stack's live blocks keep from going back, as far as samples tell.</summary>
internal static unsafe class HeldBytes
{
    /// <summary>Counts it (<see cref="CallStack.Held"/>). On a slow path, no lock held; no block ceases to be a sample meanwhile.</summary>
    internal static void Count()
    {
        Pins<OwnHeap> pins = default;
        Sampler.Lock->Acquire();
        for (CallStack* stack = Sampler.NextStack(null); stack != null; stack = Sampler.NextStack(stack))
        {
            stack->Held = 0;
        }

        for (Sample* sample = Sampler.NextSample(null); sample != null; sample = Sampler.NextSample(sample))
        {
            sample->Stack->Held += sample->Objects * pins.ShareOf(sample->Address);
        }

        Sampler.Lock->Release();
    }
}
