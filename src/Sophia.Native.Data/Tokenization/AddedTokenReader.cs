using System.Globalization;
using System.Text.Json;

namespace Sophia.Native.Data.Tokenization;

/// <summary>Collects the added tokens of a tokenizer folder from the three files that may name them, and checks that the files agree.</summary>
/// <param name="vocabulary">The tokens of vocab.json; a token of it that is named special becomes an added token with its id.</param>
internal sealed class AddedTokenReader(Dictionary<string, int> vocabulary)
{
    private readonly Dictionary<string, (int Id, bool? IsSpecial)> _tokens = [];

    /// <summary>Takes the tokens of added_tokens.json.</summary>
    public void AddIds(Dictionary<string, int> ids, string path)
    {
        foreach ((string text, int id) in ids) Add(text, id, null, path);
    }

    /// <summary>Takes added_tokens_decoder of tokenizer_config.json.</summary>
    public void AddConfiguration(byte[] json, string path)
    {
        using JsonDocument document = TokenizerJson.Parse(json, path);
        if (!document.RootElement.TryGetProperty("added_tokens_decoder", out JsonElement tokens)) return;
        if (tokens.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{path}: expected added_tokens_decoder to be an object of ids and tokens, found {tokens.ValueKind}.");
        foreach (JsonProperty property in tokens.EnumerateObject())
        {
            if (!int.TryParse(property.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw new InvalidDataException($"{path}: expected ids as the names in added_tokens_decoder, found '{property.Name}'.");
            AddToken(id, property.Value, "added_tokens_decoder", path);
        }
    }

    /// <summary>Takes added_tokens of tokenizer.json.</summary>
    public void AddTokens(JsonElement tokens, string path)
    {
        if (tokens.ValueKind != JsonValueKind.Array) throw new InvalidDataException($"{path}: expected added_tokens to be an array, found {tokens.ValueKind}.");
        foreach (JsonElement token in tokens.EnumerateArray())
        {
            if (token.ValueKind != JsonValueKind.Object || !token.TryGetProperty("id", out JsonElement number) || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out int id))
                throw new InvalidDataException($"{path}: expected a whole number as the id of each of added_tokens, found {token}.");
            AddToken(id, token, "added_tokens", path);
        }
    }

    /// <summary>Marks the tokens named in special_tokens_map.json as special; names of tokens that do not exist are passed over.</summary>
    public void AddSpecialTokens(byte[] json, string path)
    {
        using JsonDocument document = TokenizerJson.Parse(json, path);
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in property.Value.EnumerateArray()) MarkSpecial(item);
            }
            else
            {
                MarkSpecial(property.Value);
            }
        }
    }

    public IEnumerable<AddedToken> ToTokens() =>
        _tokens.Select(pair => new AddedToken(pair.Value.Id, pair.Key, pair.Value.IsSpecial ?? InternVLTokens.IsSpecialByName(pair.Key)));

    private void AddToken(int id, JsonElement token, string list, string path)
    {
        string text = TextOf(token) ?? throw new InvalidDataException($"{path}: expected a text as 'content' of id {id} in {list}, found {token.ValueKind}.");
        foreach (string flag in (ReadOnlySpan<string>)["lstrip", "rstrip", "single_word"])
        {
            if (Flag(token, flag) is true)
                throw new InvalidDataException($"{path}: expected added tokens that match exactly, found '{flag}' set for '{text}', which this tokenizer does not support.");
        }

        Add(text, id, Flag(token, "special"), path);
    }

    private void MarkSpecial(JsonElement element)
    {
        if (TextOf(element) is not { Length: > 0 } text) return;
        if (_tokens.TryGetValue(text, out (int Id, bool? IsSpecial) known)) _tokens[text] = (known.Id, true);
        else if (vocabulary.TryGetValue(text, out int id)) _tokens.Add(text, (id, true));
    }

    private void Add(string text, int id, bool? isSpecial, string path)
    {
        if (text.Length == 0) throw new InvalidDataException($"{path}: expected added tokens of at least one character, found an empty one with id {id}.");
        if (!_tokens.TryAdd(text, (id, isSpecial)))
        {
            (int knownId, bool? knownIsSpecial) = _tokens[text];
            if (knownId != id) throw new InvalidDataException($"{path}: expected one id for the added token '{text}', found {id} here and {knownId} in another place.");
            _tokens[text] = (id, isSpecial ?? knownIsSpecial);
        }
    }

    private static string? TextOf(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty("content", out JsonElement content)) element = content;
        return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
    }

    private static bool? Flag(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement flag) && flag.ValueKind is JsonValueKind.True or JsonValueKind.False ? flag.GetBoolean() : null;
}
