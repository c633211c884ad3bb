namespace NativeMalloc;

/// <summary>The checksum of gzip and zip: the polynomial 0x04c11db7, lowest bit first.</summary>
internal static unsafe class Crc32
{
    private const uint Reversed = 0xedb8_8320;

    /// <summary>That of what has the checksum <paramref name="crc"/> (nothing has 0), with these bytes behind it.</summary>
    internal static uint Add(uint crc, byte* bytes, int count)
    {
        crc = ~crc;
        for (int i = 0; i < count; i++)
        {
            crc ^= bytes[i];
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (Reversed & (0 - (crc & 1)));
            }
        }

        return ~crc;
    }
}
