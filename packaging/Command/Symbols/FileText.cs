namespace NativeMalloc.Inspect;

/// <summary>Files that another made, and may have made to harm who reads them.</summary>
internal static class FileText
{
    /// <summary>The file's text, if it can be read: nothing of what has no size, such as a pipe, whose text might never come.</summary>
    internal static IEnumerable<byte[]> Of(string path)
    {
        byte[] text;
        try
        {
            if (!path.StartsWith('/') || !File.Exists(path) || new FileInfo(path).Length == 0)
            {
                yield break;
            }

            text = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        yield return text;
    }
}
