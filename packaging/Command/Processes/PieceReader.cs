namespace NativeMalloc.Inspect;

/// <summary>Reads a process's memory in pieces that are larger than what is asked for, and keeps them.</summary>
internal sealed class PieceReader(TargetProcess process)
{
    private const int PieceBytes = 64 << 10;

    /// <summary>64 MiB: of a large heap's structures not all are kept.</summary>
    private const int MostPieces = 1024;

    private readonly Dictionary<ulong, byte[]> _pieces = [];

    internal void Forget() => _pieces.Clear();

    /// <summary>What lies there: zeros where nothing is mapped.</summary>
    internal ReadOnlySpan<byte> At(ulong address, int length)
    {
        ulong start = address & ~(ulong)(PieceBytes - 1);
        int offset = (int)(address - start);
        if (offset + length <= PieceBytes)
        {
            return Piece(start).AsSpan(offset, length);
        }

        byte[] both = new byte[length];
        for (int done = 0; done < length;)
        {
            int part = Math.Min(length - done, PieceBytes - (int)((address + (ulong)done) & (PieceBytes - 1)));
            At(address + (ulong)done, part).CopyTo(both.AsSpan(done));
            done += part;
        }

        return both;
    }

    // Page by page where a part of it is not mapped.
    private byte[] Piece(ulong start)
    {
        if (!_pieces.TryGetValue(start, out byte[]? piece))
        {
            if (_pieces.Count == MostPieces)
            {
                Forget();
            }

            _pieces.Add(start, piece = new byte[PieceBytes]);
            if (!process.TryRead(start, piece))
            {
                for (int at = 0; at < PieceBytes; at += (int)KernelPage.Size)
                {
                    process.TryRead(start + (ulong)at, piece.AsSpan(at, (int)KernelPage.Size));
                }
            }
        }

        return piece;
    }
}
