using System.Text;

namespace NativeMalloc.Samples;

/// <summary>Text of some length, which compresses about as well as prose does.</summary>
internal static class Articles
{
    private static readonly string[] s_words = [.. Enumerable.Range(0, 4000).Select(number => Word(new Random(number)))];

    private static readonly string[] s_texts = [.. Enumerable.Range(0, 64).Select(Write)];

    internal static string Read(int number) => s_texts[number % s_texts.Length];

    // 4 to 260 KB, the same ones in each run.
    private static string Write(int number)
    {
        Random random = new(number);
        StringBuilder text = new();
        for (int left = 700 * (1 + number); left > 0; left--)
        {
            // Few words are frequent, as in languages.
            text.Append(s_words[(int)(s_words.Length * Math.Pow(random.NextDouble(), 3))]).Append(left % 12 == 0 ? '\n' : ' ');
        }

        return text.ToString();
    }

    private static string Word(Random random) => new([.. Enumerable.Range(0, random.Next(2, 11)).Select(_ => (char)('a' + random.Next(26)))]);
}
