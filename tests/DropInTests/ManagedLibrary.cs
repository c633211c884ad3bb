namespace NativeMalloc.DropInTests;

/// <summary>The managed library of packaging/NuGet.</summary>
internal static class ManagedLibrary
{
    /// <summary>The tests that have it built, one after the other: they share its folder below out/.</summary>
    internal const string Builds = "builds of the managed library";
}
