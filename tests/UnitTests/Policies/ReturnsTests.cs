using Xunit;

namespace NativeMalloc.UnitTests;

public sealed class ReturnsTests
{
    [Theory]
    [InlineData(16, 0)]
    [InlineData(4095, 0)]
    [InlineData(4096, 4)]
    [InlineData(256 << 10, 4)]
    public void LargeBlocksAreKeptOnceTheyComeAgain(int size, int returns) => Assert.Equal(returns, Returns.BeforeKept((nuint)size));
}
