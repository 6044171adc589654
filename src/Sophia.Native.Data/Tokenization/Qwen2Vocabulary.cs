using System.Collections.Immutable;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Puts the parts of a tokenizer together and checks that they fit.</summary>
internal static class Qwen2Vocabulary
{
    /// <summary>Ids from outside decide how large tables become, so they are bounded; the largest vocabularies have under 300,000 tokens.</summary>
    public const int LargestId = (1 << 24) - 1;

    /// <summary>Makes the maps in both directions. An added token may repeat a token of the vocabulary if it has the same id.</summary>
    public static (Dictionary<string, int> Ids, string?[] Tokens) Combine(IReadOnlyDictionary<string, int> vocabulary, ImmutableArray<AddedToken> addedTokens, string source)
    {
        int largest = -1;
        foreach ((string token, int id) in vocabulary)
        {
            if (id is < 0 or > LargestId) throw new InvalidDataException($"{source}: expected ids from 0 to {LargestId}, found {id} for the token '{token}'.");
            largest = Math.Max(largest, id);
        }

        foreach (AddedToken token in addedTokens)
        {
            if (string.IsNullOrEmpty(token.Text)) throw new InvalidDataException($"{source}: expected added tokens of at least one character, found an empty one with id {token.Id}.");
            if (token.Id is < 0 or > LargestId) throw new InvalidDataException($"{source}: expected ids from 0 to {LargestId}, found {token.Id} for the added token '{token.Text}'.");
            largest = Math.Max(largest, token.Id);
        }

        Dictionary<string, int> ids = new(vocabulary.Count + addedTokens.Length);
        string?[] tokens = new string?[largest + 1];
        foreach ((string token, int id) in vocabulary)
        {
            if (tokens[id] is { } other) throw new InvalidDataException($"{source}: expected an id of its own for each token, found id {id} for both '{other}' and '{token}'.");
            tokens[id] = token;
            ids.Add(token, id);
        }

        foreach (AddedToken token in addedTokens)
        {
            if (tokens[token.Id] is { } other && other != token.Text)
                throw new InvalidDataException($"{source}: expected an id of its own for each token, found id {token.Id} for both '{other}' and '{token.Text}'.");
            if (!ids.TryAdd(token.Text, token.Id) && ids[token.Text] != token.Id)
                throw new InvalidDataException($"{source}: expected one id for each token, found ids {ids[token.Text]} and {token.Id} for '{token.Text}'.");
            tokens[token.Id] = token.Text;
        }

        return (ids, tokens);
    }

    /// <summary>Where a merge stands, spelled out only when an error needs it.</summary>
    /// <param name="Path">The file; null for merges given by a caller.</param>
    /// <param name="Number">The line from 1, or the rank from 0.</param>
    public readonly record struct MergePlace(string? Path, int Number)
    {
        public override string ToString() => Path is null ? $"merge {Number}" : $"{Path}({Number})";
    }

    /// <summary>Turns merges into ids, one after the other.</summary>
    /// <param name="vocabulary">The tokens of vocab.json.</param>
    public sealed class MergeResolver(Dictionary<string, int> vocabulary)
    {
        private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _vocabulary = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        private readonly ImmutableArray<BytePairMerge>.Builder _merges = ImmutableArray.CreateBuilder<BytePairMerge>();
        private readonly HashSet<(int, int)> _seen = [];
        private char[] _joined = new char[64];

        /// <summary>Adds the merge of the next rank.</summary>
        /// <param name="left">The left token.</param>
        /// <param name="right">The right token.</param>
        /// <param name="place">What an error message begins with.</param>
        /// <exception cref="InvalidDataException">A part or the whole is not in the vocabulary, or the merge is there already.</exception>
        public void Add(ReadOnlySpan<char> left, ReadOnlySpan<char> right, MergePlace place)
        {
            int length = left.Length + right.Length;
            if (length > _joined.Length) _joined = new char[length * 2];
            left.CopyTo(_joined);
            right.CopyTo(_joined.AsSpan(left.Length));
            BytePairMerge merge = new(Find(left, place), Find(right, place), Find(_joined.AsSpan(0, length), place));
            if (!_seen.Add((merge.Left, merge.Right))) throw new InvalidDataException($"{place}: expected each merge once, found '{left} {right}' again.");
            _merges.Add(merge);
        }

        public ImmutableArray<BytePairMerge> ToImmutable() => _merges.DrainToImmutable();

        private int Find(ReadOnlySpan<char> token, MergePlace place) =>
            _vocabulary.TryGetValue(token, out int id)
                ? id
                : throw new InvalidDataException($"{place}: expected tokens of the vocabulary, found '{token}', which vocab.json lacks; vocab.json and merges.txt must belong together.");
    }
}
