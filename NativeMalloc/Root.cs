using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>The one place of <see cref="Roots"/>: a class with no other static, since the note leads to the class's statics.</summary>
internal static unsafe class Root
{
    private static Roots s_roots;

    internal static Roots* Structures => (Roots*)Unsafe.AsPointer(ref s_roots);

    /// <summary>Once the options have been read.</summary>
    internal static void ShowStatics()
    {
        Roots* roots = Structures;
        roots->SamplerControl = Sampler.Control;
        roots->Sampler = Sampler.State;
        roots->Pages = PageHeap.CountsOf(Heap.Pages);
        roots->LargeCache = LargeCache.Root;
        roots->LargeWaste = LargeBlocks.WasteRoot;
        roots->AllocatedWithoutSlab = AllocatedBytes.Root;
        roots->Metadata = Metadata.Root;
        roots->ThreadSlabs = ThreadSlabs.Root;
        roots->Limits = Options.Limits;
        roots->Release = Promises.ReleaseRoot;
        roots->Checks = Options.Check;
        roots->Remnants = Heap.Remnants;
        roots->PageMap = PageMap.RootPointer;
    }

    /// <summary>Once there is a heap.</summary>
    internal static void ShowHeap()
    {
        Structures->Transfer = Heap.Transfer(0);
        Structures->CentralLists = CentralFreeLists.First(0);
        Structures->OtherCentralLists = (void**)CentralFreeLists.OthersRoot;
    }

    /// <summary>Once the front end has been chosen.</summary>
    internal static void ShowFrontEnd()
    {
        Structures->FrontEnd = Rseq.Choice;
        Structures->CpuSlabs = CpuSlabs.Root;
        Structures->CpuSlabsBound = CpuSlabs.Bound;
    }
}
