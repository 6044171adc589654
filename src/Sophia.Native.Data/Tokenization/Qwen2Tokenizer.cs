using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;

namespace Sophia.Native.Data.Tokenization;

/// <summary>
/// The byte-level BPE tokenizer of Qwen2, as InternVL uses it. The steps: added tokens are cut out of the text; the rest is brought to Unicode normalization form C and
/// cut into words; the UTF-8 bytes of a word merge pair by pair, lowest rank first; what is left are the tokens. Every text has ids, and decoding gives back its normal form.
/// </summary>
public sealed class Qwen2Tokenizer : ITokenizer
{
    private const int LongestCachedWord = 32;
    private const int CacheCapacity = 1 << 16;

    private readonly string?[] _tokens;
    private readonly bool[] _isSpecial;
    private readonly byte[] _bytes;
    private readonly int[] _byteOffsets;
    private readonly int[] _idOfByte = new int[256];
    private readonly Dictionary<string, int> _ids;
    private readonly BytePairMerger _merger;
    private readonly AddedTokenSplitter _splitter;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private int _cached;

    /// <param name="vocabulary">The tokens of vocab.json.</param>
    /// <param name="merges">The merges in the order of their ranks, resolved to ids of the vocabulary.</param>
    /// <param name="addedTokens">The added tokens, in any order.</param>
    /// <param name="source">What an error message begins with: a folder or a word for where the parts come from.</param>
    /// <exception cref="InvalidDataException">The parts do not fit together.</exception>
    internal Qwen2Tokenizer(IReadOnlyDictionary<string, int> vocabulary, ImmutableArray<BytePairMerge> merges, IEnumerable<AddedToken> addedTokens, string source)
    {
        Vocabulary = vocabulary;
        Merges = merges;
        AddedTokens = [.. addedTokens.OrderBy(token => token.Id)];
        (_ids, _tokens) = Qwen2Vocabulary.Combine(vocabulary, AddedTokens, source);
        _isSpecial = new bool[_tokens.Length];
        foreach (AddedToken token in AddedTokens) _isSpecial[token.Id] = token.IsSpecial;

        (_bytes, _byteOffsets) = MakeByteTable();
        for (int value = 0; value < 256; value++)
        {
            string token = ByteAlphabet.ToCharacter((byte)value).ToString();
            if (!vocabulary.TryGetValue(token, out _idOfByte[value]))
                throw new InvalidDataException($"{source}: expected the vocabulary to have a token for each of the 256 bytes, found none for byte 0x{value:X2} ('{token}').");
        }

        _merger = new BytePairMerger(merges);
        _splitter = new AddedTokenSplitter(AddedTokens);
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Length;

    /// <summary>The added tokens in the order of their ids.</summary>
    public ImmutableArray<AddedToken> AddedTokens { get; }

    internal IReadOnlyDictionary<string, int> Vocabulary { get; }

    internal ImmutableArray<BytePairMerge> Merges { get; }

    /// <summary>Reads a tokenizer folder: vocab.json and merges.txt, else tokenizer.json, and where present added_tokens.json, tokenizer_config.json and special_tokens_map.json.</summary>
    /// <exception cref="InvalidDataException">A file is missing, is broken or contradicts another; the message begins with its path.</exception>
    public static Qwen2Tokenizer Load(string folder) => Qwen2TokenizerFiles.Load(folder);

    /// <summary>
    /// Reads a tokenizer folder and adds those tokens of Qwen2.5 and InternVL that it lacks: with their own ids (151643..151673) to the vocabulary of Qwen2, else after the last id in the same order.
    /// </summary>
    /// <exception cref="InvalidDataException">A file is missing, is broken or contradicts another; the message begins with its path.</exception>
    public static Qwen2Tokenizer LoadWithInternVLTokens(string folder) => Load(folder).WithInternVLTokens();

    /// <summary>Makes a tokenizer from its parts.</summary>
    /// <param name="vocabulary">The id of each token, written in the byte alphabet of GPT-2; a token for each of the 256 bytes must be among them.</param>
    /// <param name="merges">Pairs of tokens in the order of their ranks; both parts and what they become must be in the vocabulary.</param>
    /// <param name="addedTokens">Tokens that are cut out of the text as a whole; none by default.</param>
    /// <exception cref="InvalidDataException">The parts do not fit together.</exception>
    public static Qwen2Tokenizer Create(IReadOnlyDictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges, IEnumerable<AddedToken>? addedTokens = null)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(merges);
        Qwen2Vocabulary.MergeResolver resolver = new(new Dictionary<string, int>(vocabulary));
        int rank = 0;
        foreach ((string left, string right) in merges) resolver.Add(left, right, new Qwen2Vocabulary.MergePlace(null, rank++));
        return new Qwen2Tokenizer(vocabulary, resolver.ToImmutable(), addedTokens ?? [], "tokenizer");
    }

    /// <summary>This tokenizer with those tokens of Qwen2.5 and InternVL that it lacks, as <see cref="LoadWithInternVLTokens"/> adds them; the same instance if it lacks none.</summary>
    public Qwen2Tokenizer WithInternVLTokens()
    {
        List<AddedToken> all = [.. AddedTokens];
        int next = VocabularySize;
        bool hasQwen2Ids = Vocabulary.Count == InternVLTokens.Qwen2BaseSize;
        for (int i = 0; i < InternVLTokens.All.Length; i++)
        {
            (string text, bool isSpecial) = InternVLTokens.All[i];
            if (_ids.ContainsKey(text)) continue;
            int id = InternVLTokens.Qwen2BaseSize + i;
            if (!hasQwen2Ids || Contains(id)) id = next;
            next = Math.Max(next, id + 1);
            all.Add(new AddedToken(id, text, isSpecial));
        }

        return all.Count == AddedTokens.Length ? this : new Qwen2Tokenizer(Vocabulary, Merges, all, "tokenizer");
    }

    ITokenizer ITokenizer.WithInternVLTokens() => WithInternVLTokens();

    /// <summary>Writes vocab.json, merges.txt, added_tokens.json, special_tokens_map.json and tokenizer_config.json, from which <see cref="Load"/> makes an equal tokenizer, and which transformers reads.</summary>
    /// <param name="folder">The folder; made if it does not exist. Files of these names are replaced.</param>
    public void Save(string folder) => Qwen2TokenizerFiles.Save(this, folder);

    /// <summary>The ids of a text. Nothing is added before or after it.</summary>
    /// <param name="text">The text; lone surrogates count as U+FFFD.</param>
    /// <param name="splitAddedTokens">True if the text of an added token becomes its id; false treats it as ordinary text.</param>
    public int[] Encode(string text, bool splitAddedTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 4);
        Encode(text, ids, splitAddedTokens);
        return [.. ids];
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool splitAddedTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        while (splitAddedTokens && _splitter.TryFind(text, out int start, out int length, out int id))
        {
            EncodeOrdinary(text[..start], ids);
            ids.Add(id);
            text = text[(start + length)..];
        }

        EncodeOrdinary(text, ids);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        ArrayBufferWriter<byte> bytes = new(ids.Length * 4 + 1);
        foreach (int id in ids)
        {
            if (skipSpecialTokens && IsSpecial(id)) continue;
            bytes.Write(TokenBytes(id));
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <inheritdoc/>
    public bool Contains(int id) => (uint)id < (uint)_tokens.Length && _tokens[id] is not null;

    /// <inheritdoc/>
    public bool IsSpecial(int id) => (uint)id < (uint)_isSpecial.Length && _isSpecial[id];

    /// <inheritdoc/>
    public ReadOnlySpan<byte> TokenBytes(int id) =>
        Contains(id) ? _bytes.AsSpan(_byteOffsets[id].._byteOffsets[id + 1]) : "\uFFFD"u8;

    /// <inheritdoc/>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _ids.TryGetValue(token, out int id) ? id : null;
    }

    /// <inheritdoc/>
    public string? IdToToken(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    private void EncodeOrdinary(ReadOnlySpan<char> text, List<int> ids)
    {
        if (!CanonicalNormalizer.IsCertainlyNormal(text)) text = CanonicalNormalizer.Normalize(text.ToString());
        while (!text.IsEmpty)
        {
            int length = Qwen2WordSplitter.FirstWordLength(text);
            EncodeWord(text[..length], ids);
            text = text[length..];
        }
    }

    private void EncodeWord(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestCachedWord)
        {
            byte[] bytes = new byte[Encoding.UTF8.GetByteCount(word)];
            int[] tokens = new int[bytes.Length];
            Encoding.UTF8.GetBytes(word, bytes);
            ids.AddRange(MergeBytes(bytes, tokens));
            return;
        }

        if (_cacheBySpan.TryGetValue(word, out int[]? known))
        {
            ids.AddRange(known.AsSpan());
            return;
        }

        Span<byte> shortBytes = stackalloc byte[LongestCachedWord * 3];
        Span<int> shortTokens = stackalloc int[LongestCachedWord * 3];
        int count = Encoding.UTF8.GetBytes(word, shortBytes);
        ReadOnlySpan<int> merged = MergeBytes(shortBytes[..count], shortTokens);
        ids.AddRange(merged);
        if (_cached < CacheCapacity && _cache.TryAdd(word.ToString(), merged.ToArray())) Interlocked.Increment(ref _cached);
    }

    private ReadOnlySpan<int> MergeBytes(ReadOnlySpan<byte> bytes, Span<int> tokens)
    {
        for (int i = 0; i < bytes.Length; i++) tokens[i] = _idOfByte[bytes[i]];
        return tokens[.._merger.Merge(tokens[..bytes.Length])];
    }

    private (byte[] Bytes, int[] Offsets) MakeByteTable()
    {
        HashSet<int> added = new(AddedTokens.Select(token => token.Id));
        ArrayBufferWriter<byte> bytes = new(_tokens.Length * 7 + 16);
        int[] offsets = new int[_tokens.Length + 1];
        for (int id = 0; id < _tokens.Length; id++)
        {
            if (_tokens[id] is { } token)
            {
                if (added.Contains(id)) Encoding.UTF8.GetBytes(token, bytes);
                else ByteAlphabet.Decode(token, bytes);
            }

            offsets[id + 1] = bytes.WrittenCount;
        }

        return (bytes.WrittenSpan.ToArray(), offsets);
    }
}
