namespace NativeMalloc;

/// <summary>
/// Rows of free pages that reach over the border between two partly used huge pages, by their length. Large blocks lie there, too: if each kept
/// within its huge pages, what is left at their ends would be lost to all that are larger.
/// </summary>
internal unsafe struct HugePageSeams
{
    // Each length has its list, or what a block leaves would not be found for the next of its size.
    private HugePageLists<Links> _even;
    private HugePageLists<Links> _odd;

    /// <summary>The huge page before the shortest such row of at least so many pages; null if there is none.</summary>
    internal HugePage* Find(nuint pages)
    {
        if (pages >= 2 * PageBits.Pages)
        {
            return null;
        }

        HugePage* even = _even.FirstFrom((int)(pages + 1) / 2);
        HugePage* odd = _odd.FirstFrom((int)pages / 2);
        return even == null || (odd != null && odd->Seam < even->Seam) ? odd : even;
    }

    /// <summary>Pages of a huge page were taken or given.</summary>
    internal void Update(HugePage* hugePage)
    {
        if (hugePage->MeasureEnds())
        {
            Update(HugePageRuns.Neighbour(hugePage, -1), hugePage);
            Update(hugePage, HugePageRuns.Neighbour(hugePage, 1));
        }
    }

    private void Update(HugePage* before, HugePage* behind)
    {
        if (before == null)
        {
            return;
        }

        bool free = behind != null && before->FreeAtEnd > 0 && behind->FreeAtStart > 0;
        int length = free ? before->FreeAtEnd + behind->FreeAtStart : 0;
        if (before->Seam > 0)
        {
            ListsOf(ref this, before->Seam).Remove(before->Seam / 2, before);
        }

        if (length > 0)
        {
            ListsOf(ref this, length).Add(length / 2, before);
        }

        before->Seam = (short)length;
    }

    private static ref HugePageLists<Links> ListsOf(ref HugePageSeams seams, int length) => ref length % 2 == 0 ? ref seams._even : ref seams._odd;

    private readonly struct Links : IHugePageLinks
    {
        public static ref HugePage* Next(HugePage* hugePage) => ref hugePage->NextSeam;

        public static ref HugePage* Previous(HugePage* hugePage) => ref hugePage->PreviousSeam;
    }
}
