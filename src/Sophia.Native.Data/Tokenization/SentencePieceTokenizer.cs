using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// The SentencePiece BPE tokenizer of InternLM2.5, as InternVL2.5-2B, 8B and 26B use it, with byte fallback: every text has ids, and decoding gives it back. The steps: added tokens are cut out of the
/// text; spaces of the rest become U+2581, before it comes one more where the model adds one; neighbors merge, the highest score first. A sequence begins with <see cref="BeginOfSequenceId"/>.
/// </summary>
public sealed class SentencePieceTokenizer : ITokenizer
{
    private const char Space = '\u2581';

    private readonly SentencePieceModel _model;
    private readonly string?[] _tokens;
    private readonly byte[][] _bytes;
    private readonly bool[] _isSpecial;
    private readonly Dictionary<string, int> _ids = [];
    private readonly SentencePieceMerger _merger;
    private readonly AddedTokenSplitter _splitter;
    private readonly bool _beginsSequences;

    /// <param name="model">The model.</param>
    /// <param name="addedTokens">Tokens outside of it, or in the place of pieces; the control pieces and the unknown one are added to them.</param>
    /// <param name="beginsSequences">Whether a sequence begins with the model's begin token.</param>
    /// <param name="source">What an error message begins with.</param>
    /// <exception cref="InvalidDataException">The parts do not fit together.</exception>
    internal SentencePieceTokenizer(SentencePieceModel model, IEnumerable<AddedToken> addedTokens, bool beginsSequences, string source)
    {
        _model = model;
        _beginsSequences = beginsSequences;
        SortedDictionary<int, AddedToken> added = [];
        foreach (AddedToken token in addedTokens)
        {
            if (token.Text.Length == 0 || token.Id is < 0 or > Qwen2Vocabulary.LargestId)
                throw new InvalidDataException($"{source}: expected added tokens of at least one character with ids from 0 to {Qwen2Vocabulary.LargestId}, found '{token.Text}' with id {token.Id}.");
            if (!added.TryAdd(token.Id, token)) throw new InvalidDataException($"{source}: expected an id of its own for each added token, found id {token.Id} for both '{added[token.Id].Text}' and '{token.Text}'.");
        }

        for (int id = 0; id < model.Pieces.Length; id++)
        {
            if (model.Pieces[id].Kind is SentencePieceKind.Control or SentencePieceKind.Unknown) added.TryAdd(id, new AddedToken(id, model.Pieces[id].Text, true));
        }

        AddedTokens = [.. added.Values];
        int size = Math.Max(model.Pieces.Length, added.Count == 0 ? 0 : added.Keys.Max() + 1);
        _tokens = new string?[size];
        _bytes = new byte[size][];
        _isSpecial = new bool[size];
        for (int id = 0; id < size; id++)
        {
            if (added.TryGetValue(id, out AddedToken token)) (_tokens[id], _bytes[id], _isSpecial[id]) = (token.Text, Encoding.UTF8.GetBytes(token.Text), token.IsSpecial);
            else if (id < model.Pieces.Length) (_tokens[id], _bytes[id]) = (model.Pieces[id].Text, BytesOf(id));
            if (_tokens[id] is { } text && !_ids.TryAdd(text, id))
                throw new InvalidDataException($"{source}: expected one id for each token, found ids {_ids[text]} and {id} for '{text}'.");
        }

        _splitter = new AddedTokenSplitter(AddedTokens);
        _merger = new SentencePieceMerger(model, added.Keys.ToHashSet());
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Length;

    /// <summary>The added tokens in the order of their ids, the model's control pieces and its unknown one among them.</summary>
    public ImmutableArray<AddedToken> AddedTokens { get; }

    /// <inheritdoc/>
    public int? BeginOfSequenceId => _beginsSequences && _model.BeginId >= 0 ? _model.BeginId : null;

    /// <inheritdoc/>
    public int? EndOfTextId => _model.EndId >= 0 ? _model.EndId : null;

    /// <inheritdoc/>
    public bool AddsLeadingSpace => _model.AddsLeadingSpace;

    internal SentencePieceModel Model => _model;

    internal bool BeginsSequences => _beginsSequences;

    /// <summary>Reads a tokenizer folder: tokenizer.model, and where present added_tokens.json, tokenizer_config.json and special_tokens_map.json.</summary>
    /// <exception cref="InvalidDataException">A file is missing, is broken, contradicts another or is not understood; the message begins with its path.</exception>
    public static SentencePieceTokenizer Load(string folder) => SentencePieceTokenizerFiles.Load(folder);

    /// <summary>
    /// This tokenizer with those tokens of InternLM2.5's chat format and of InternVL that it lacks: with their own ids (92538..92552) on a model of InternLM2.5's 92544 pieces, else after the last id in
    /// the same order; the same instance if it lacks none.
    /// </summary>
    public SentencePieceTokenizer WithInternVLTokens()
    {
        Dictionary<int, AddedToken> all = AddedTokens.ToDictionary(token => token.Id);
        int next = VocabularySize, known = all.Count;
        bool hasInternLM2Ids = _model.Pieces.Length == InternVLTokens.InternLM2PieceCount;
        for (int i = 0; i < InternVLTokens.OfInternLM2.Length; i++)
        {
            string text = InternVLTokens.OfInternLM2[i];
            if (AddedTokens.Any(token => token.Text == text)) continue;
            // A piece of this text would be smuggled in by a user's text, so that it becomes an added token.
            if (!_ids.TryGetValue(text, out int id))
            {
                id = InternVLTokens.InternLM2FirstId + i;
                if (!hasInternLM2Ids || all.ContainsKey(id)) id = next;
            }

            next = Math.Max(next, id + 1);
            all.Add(id, new AddedToken(id, text, true));
        }

        return all.Count == known ? this : new SentencePieceTokenizer(_model, all.Values, _beginsSequences, "tokenizer");
    }

    ITokenizer ITokenizer.WithInternVLTokens() => WithInternVLTokens();

    /// <summary>Writes tokenizer.model, added_tokens.json, special_tokens_map.json and tokenizer_config.json, from which <see cref="Load"/> makes an equal tokenizer.</summary>
    /// <param name="folder">The folder; made if it does not exist. Files of these names are replaced.</param>
    public void Save(string folder) => SentencePieceTokenizerFiles.Save(this, folder);

    /// <summary>The ids of a text. Nothing but the model's own leading space is added.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD.</param>
    /// <param name="splitAddedTokens">True if the text of an added token becomes its id; false treats it as ordinary text.</param>
    public int[] Encode(string text, bool splitAddedTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 2 + 4);
        Encode(text, ids, splitAddedTokens);
        return [.. ids];
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens = true) => Encode(text, ids, splitAddedTokens, _model.AddsLeadingSpace);

    /// <inheritdoc/>
    public void EncodeContinuation(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens = true) => Encode(text, ids, splitAddedTokens, addsSpace: false);

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        ArrayBufferWriter<byte> bytes = new(ids.Length * 4 + 1);
        foreach (int id in ids)
        {
            if (skipSpecialTokens && IsSpecial(id)) continue;
            bytes.Write(TokenBytes(id));
        }

        ReadOnlySpan<byte> written = bytes.WrittenSpan;
        return Encoding.UTF8.GetString(_model.AddsLeadingSpace && written.StartsWith(" "u8) ? written[1..] : written);
    }

    /// <inheritdoc/>
    public bool Contains(int id) => (uint)id < (uint)_tokens.Length && _tokens[id] is not null;

    /// <inheritdoc/>
    public bool IsSpecial(int id) => (uint)id < (uint)_isSpecial.Length && _isSpecial[id];

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) => Contains(id) ? _bytes[id] : "\uFFFD"u8;

    /// <inheritdoc/>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _ids.TryGetValue(token, out int id) ? id : null;
    }

    /// <inheritdoc/>
    public string? IdToToken(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    private void Encode(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens, bool addsSpace)
    {
        ArgumentNullException.ThrowIfNull(ids);
        while (splitAddedTokens && _splitter.TryFind(text, out int start, out int length, out int id))
        {
            EncodeOrdinary(text[..start], ids, addsSpace);
            ids.Add(id);
            text = text[(start + length)..];
            addsSpace = _model.AddsLeadingSpace;
        }

        EncodeOrdinary(text, ids, addsSpace);
    }

    private void EncodeOrdinary(ReadOnlySpan<char> text, List<int> ids, bool addsSpace)
    {
        if (text.IsEmpty) return;
        char[] rented = ArrayPool<char>.Shared.Rent(text.Length + 1);
        int length = 0;
        if (addsSpace) rented[length++] = Space;
        text.CopyTo(rented.AsSpan(length));
        length += text.Length;
        rented.AsSpan(0, length).Replace(' ', Space);
        _merger.Encode(rented.AsSpan(0, length), ids);
        ArrayPool<char>.Shared.Return(rented);
    }

    private byte[] BytesOf(int id)
    {
        SentencePiece piece = _model.Pieces[id];
        if (piece.Kind != SentencePieceKind.Byte) return Encoding.UTF8.GetBytes(piece.Text.Replace(Space, ' '));
        return [byte.Parse(piece.Text.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture)];
    }
}
