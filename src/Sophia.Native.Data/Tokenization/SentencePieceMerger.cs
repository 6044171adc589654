using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// SentencePiece's BPE (bpe_model.cc): user-defined pieces are cut out, the rest begins as single characters; of all neighbors whose joined text is a piece those with the highest score
/// merge first, the leftmost among equals. Pieces that are unused are taken apart again, and a character that is no piece becomes its bytes, or the unknown piece.
/// </summary>
internal sealed class SentencePieceMerger
{
    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _ids = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idBySpan;
    private readonly AddedTokenSplitter _userDefined;
    private readonly int _longest;

    /// <param name="model">The model.</param>
    /// <param name="replaced">Ids whose place an added token has taken; no text becomes them.</param>
    public SentencePieceMerger(SentencePieceModel model, IReadOnlySet<int> replaced)
    {
        _model = model;
        List<AddedToken> userDefined = [];
        for (int id = 0; id < model.Pieces.Length; id++)
        {
            SentencePiece piece = model.Pieces[id];
            if (replaced.Contains(id) || piece.Kind is not (SentencePieceKind.Normal or SentencePieceKind.UserDefined or SentencePieceKind.Unused)) continue;
            _ids.Add(piece.Text, id);
            _longest = Math.Max(_longest, piece.Text.Length);
            if (piece.Kind == SentencePieceKind.UserDefined) userDefined.Add(new AddedToken(id, piece.Text, false));
        }

        _idBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _userDefined = new AddedTokenSplitter(userDefined);
    }

    /// <summary>Appends the ids of a text whose spaces are U+2581.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        // Neighbors merge only where both are outside of user-defined pieces, so the stretches between these are independent.
        while (_userDefined.TryFind(text, out int start, out int length, out int id))
        {
            EncodeStretch(text[..start], ids);
            ids.Add(id);
            text = text[(start + length)..];
        }

        EncodeStretch(text, ids);
    }

    private void EncodeStretch(ReadOnlySpan<char> text, List<int> ids)
    {
        if (text.IsEmpty) return;
        int first = ids.Count;
        int[] starts = new int[text.Length + 1], next = new int[text.Length], previous = new int[text.Length];
        int count = 0;
        for (int at = 0; at < text.Length;)
        {
            starts[count++] = at;
            Rune.DecodeFromUtf16(text[at..], out _, out int width);
            at += width;
        }

        starts[count] = text.Length;
        for (int i = 0; i < count; i++) (next[i], previous[i]) = (i + 1, i - 1);
        Dictionary<int, int> middles = [];
        PriorityQueue<(int Left, int Right, int End), (float, int)> pairs = new(count);
        for (int i = 0; i + 1 < count; i++) Enqueue(text, i, i + 1, i + 2);
        while (pairs.TryDequeue(out (int Left, int Right, int End) pair, out _))
        {
            // A symbol is gone (-1) or has grown since the pair was found.
            if (next[pair.Left] != pair.Right || pair.Right >= count || next[pair.Right] != pair.End) continue;
            next[pair.Left] = pair.End;
            next[pair.Right] = -1;
            if (pair.End < count)
            {
                previous[pair.End] = pair.Left;
                Enqueue(text, pair.Left, pair.End, next[pair.End]);
            }

            if (previous[pair.Left] >= 0) Enqueue(text, previous[pair.Left], pair.Left, pair.End);
        }

        for (int i = 0; i < count; i = next[i]) Add(text[starts[i]..starts[next[i]]], middles, ids, first);

        void Enqueue(ReadOnlySpan<char> text, int left, int right, int end)
        {
            int from = starts[left], length = starts[end] - from;
            if (length > _longest || !_idBySpan.TryGetValue(text.Slice(from, length), out int id)) return;
            if (_model.Pieces[id].Kind == SentencePieceKind.Unused) middles[id] = starts[right] - from;
            // The queue takes the smallest first: the highest score, then the leftmost.
            pairs.Enqueue((left, right, end), (-_model.Pieces[id].Score, left));
        }
    }

    private void Add(ReadOnlySpan<char> symbol, Dictionary<int, int> middles, List<int> ids, int first)
    {
        if (_idBySpan.TryGetValue(symbol, out int id))
        {
            if (_model.Pieces[id].Kind == SentencePieceKind.Unused && middles.TryGetValue(id, out int middle))
            {
                Add(symbol[..middle], middles, ids, first);
                Add(symbol[middle..], middles, ids, first);
                return;
            }

            ids.Add(id);
            return;
        }

        if (_model.ByteIds.IsEmpty)
        {
            // A run of unknown characters is one unknown piece.
            if (ids.Count == first || ids[^1] != _model.UnknownId) ids.Add(_model.UnknownId);
            return;
        }

        Span<byte> bytes = stackalloc byte[4];
        Rune.DecodeFromUtf16(symbol, out Rune rune, out _);
        foreach (byte value in bytes[..rune.EncodeToUtf8(bytes)]) ids.Add(_model.ByteIds[value]);
    }
}
