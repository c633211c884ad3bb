using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>Marks that a span's owner leaves in every page of the system, at both of its ends.</summary>
internal static unsafe class SpanPattern
{
    private const nuint LastWord = AddressSpace.SystemPage - sizeof(ulong);

    internal static void Write(nuint start, nuint bytes, ulong mark)
    {
        for (nuint page = start; page < start + bytes; page += AddressSpace.SystemPage)
        {
            *(ulong*)page = mark;
            *(ulong*)(page + LastWord) = ~mark;
        }
    }

    internal static void AssertIs(nuint start, nuint bytes, ulong mark, string where)
    {
        for (nuint page = start; page < start + bytes; page += AddressSpace.SystemPage)
        {
            if (*(ulong*)page != mark || *(ulong*)(page + LastWord) != ~mark)
            {
                Assert.Fail($"{where}: the page at {page:x} of the span at {start:x} was overwritten");
            }
        }
    }

    internal static void AssertZero(nuint start, nuint bytes, string where)
    {
        for (nuint page = start; page < start + bytes; page += AddressSpace.SystemPage)
        {
            if (*(ulong*)page != 0 || *(ulong*)(page + LastWord) != 0)
            {
                Assert.Fail($"{where}: the page at {page:x} of the span at {start:x} does not read zero");
            }
        }
    }
}
