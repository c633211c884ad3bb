using SkiaSharp;

namespace NativeMalloc.Samples;

/// <summary>Photographs as a camera or a phone would have sent them, and the thumbnails that a service makes of them.</summary>
internal static class Pictures
{
    internal const int Count = 24;

    private static readonly byte[][] s_jpegs = [.. Enumerable.Range(0, Count).Select(Draw)];

    /// <summary>Decodes a photograph, makes it smaller, and encodes that: all in native memory but for the result.</summary>
    internal static byte[] Thumbnail(int number, int width)
    {
        using SKBitmap photograph = SKBitmap.Decode(s_jpegs[number % Count]);
        using SKBitmap small = photograph.Resize(new SKImageInfo(width, photograph.Height * width / photograph.Width), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using SKData encoded = small.Encode(SKEncodedImageFormat.Jpeg, 80);
        return encoded.ToArray();
    }

    // From 0.1 to 2 million pixels, upright and lying; the same ones in each run.
    private static byte[] Draw(int number)
    {
        Random random = new(number);
        int width = 400 + number * 60, height = number % 3 == 0 ? width * 4 / 3 : width * 3 / 4;
        using SKBitmap bitmap = new(width, height);
        using SKCanvas canvas = new(bitmap);
        using SKPaint paint = new() { IsAntialias = true };
        for (int i = 0; i < 400; i++)
        {
            paint.Color = new SKColor((uint)random.Next() | 0x60000000);
            canvas.DrawCircle(random.Next(width), random.Next(height), random.Next(10, width / 4), paint);
        }

        using SKData encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        return encoded.ToArray();
    }
}
