namespace NativeMalloc;

/// <summary>What the kernel calls a page on this machine: the least that can be mapped, given back, or not be there. The page heap's are larger.</summary>
internal static class KernelPage
{
    internal const int Shift = 12;
    internal const nuint Size = 1 << Shift;
}
