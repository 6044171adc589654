using System.Text.Json;

namespace Sophia.Native.Models.Files;

/// <summary>One object of a JSON file with its way from the root, so that every complaint can name file and key.</summary>
internal sealed class JsonSection
{
    /// <summary>A configuration beyond this is no configuration.</summary>
    private const long MaxBytes = 16 << 20;

    private readonly string _prefix;
    private readonly JsonElement _element;

    private JsonSection(string file, string prefix, JsonElement element)
    {
        File = file;
        _prefix = prefix;
        _element = element;
    }

    public string File { get; }

    /// <summary>Reads a whole file whose root is an object. Repeated keys are an error: readers disagree on which one counts.</summary>
    public static JsonSection Load(string file)
    {
        var info = new FileInfo(file);
        if (!info.Exists) throw new FileNotFoundException($"{file}: expected a JSON file, found no such file.", file);
        if (info.Length > MaxBytes) throw new InvalidDataException($"{file}: expected at most {MaxBytes} bytes of JSON, found {info.Length}.");
        var bytes = System.IO.File.ReadAllBytes(file);
        var text = bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 64, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{file}: expected a JSON object, found {Describe(document.RootElement)}.");
            CheckTexts(document.RootElement);
            return new JsonSection(file, "", document.RootElement.Clone());
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{file}:{exception.LineNumber + 1}: not valid JSON: {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidDataException($"{file}: a text in it is not valid UTF-8 or has half of a surrogate pair: {exception.Message}", exception);
        }
    }

    public InvalidDataException Fault(string key, string message) => new($"{File}: {_prefix}{key}: {message}.");

    public bool Has(string key) => TryGet(key, out _);

    public IEnumerable<(string Key, JsonElement Value)> Properties()
    {
        foreach (var property in _element.EnumerateObject()) yield return (property.Name, property.Value);
    }

    public JsonSection Section(string key) => OptionalSection(key) ?? throw Fault(key, "expected an object, found nothing");

    public JsonSection? OptionalSection(string key)
    {
        if (!TryGet(key, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Fault(key, $"expected an object, found {Describe(value)}");
        return new JsonSection(File, $"{_prefix}{key}.", value);
    }

    public int Integer(string key) => OptionalInteger(key) ?? throw Fault(key, "expected a whole number, found nothing");

    public int? OptionalInteger(string key)
    {
        if (!TryGet(key, out var value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
            : throw Fault(key, $"expected a whole number, found {Describe(value)}");
    }

    public double Number(string key) => OptionalNumber(key) ?? throw Fault(key, "expected a number, found nothing");

    public double? OptionalNumber(string key)
    {
        if (!TryGet(key, out var value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number
            : throw Fault(key, $"expected a number, found {Describe(value)}");
    }

    public string Text(string key) => OptionalText(key) ?? throw Fault(key, "expected a text, found nothing");

    public string? OptionalText(string key)
    {
        if (!TryGet(key, out var value)) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString()
            : throw Fault(key, $"expected a text, found {Describe(value)}");
    }

    public bool? OptionalFlag(string key)
    {
        if (!TryGet(key, out var value)) return null;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Fault(key, $"expected true or false, found {Describe(value)}"),
        };
    }

    /// <summary>A side length given as a number or, as transformers writes it, as a list of two equal ones.</summary>
    public int SquareSide(string key)
    {
        if (!TryGet(key, out var value) || value.ValueKind != JsonValueKind.Array) return Integer(key);
        if (value.GetArrayLength() == 2 && value[0].ValueKind == JsonValueKind.Number && value[1].ValueKind == JsonValueKind.Number
            && value[0].TryGetInt32(out var height) && value[1].TryGetInt32(out var width) && height == width)
        {
            return height;
        }
        throw Fault(key, $"expected a whole number or a list of two equal ones, found {Describe(value)}");
    }

    /// <summary>Token ids given as one number or a list; a missing or null entry is no id.</summary>
    public void AddTokenIds(string key, List<int> ids)
    {
        if (!TryGet(key, out var value)) return;
        if (value.ValueKind != JsonValueKind.Array)
        {
            ids.Add(Integer(key));
            return;
        }
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id))
                throw Fault(key, $"expected a list of token ids, found {Describe(item)} in it");
            ids.Add(id);
        }
    }

    /// <summary>The texts of a list; null when the key is missing.</summary>
    public IReadOnlyList<string>? OptionalTexts(string key)
    {
        if (!TryGet(key, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array) throw Fault(key, $"expected a list of texts, found {Describe(value)}");
        var texts = new List<string>(value.GetArrayLength());
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String) throw Fault(key, $"expected a list of texts, found {Describe(item)} in it");
            texts.Add(item.GetString()!);
        }
        return texts;
    }

    /// <summary>Where a key is present its value must be the one that is supported.</summary>
    public void RequireFlag(string key, bool expected, string reason)
    {
        if (OptionalFlag(key) is { } found && found != expected)
            throw Fault(key, $"expected {(expected ? "true" : "false")}, found {(found ? "true" : "false")}: {reason}");
    }

    /// <summary>Where a key is present its value must be the one that is supported.</summary>
    public void RequireText(string key, string expected)
    {
        if (OptionalText(key) is { } found && found != expected) throw Fault(key, $"expected \"{expected}\", found \"{found}\"");
    }

    /// <summary>Where a key is present its value must be the one that is supported.</summary>
    public void RequireInteger(string key, int expected)
    {
        if (OptionalInteger(key) is { } found && found != expected) throw Fault(key, $"expected {expected}, found {found}");
    }

    /// <summary>A JSON null counts as absent, as it does for transformers.</summary>
    private bool TryGet(string key, out JsonElement value) => _element.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The parser leaves texts undecoded; decoding all of them once finds those that are none.</summary>
    private static void CheckTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray()) CheckTexts(item);
                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    CheckTexts(property.Value);
                }
                break;
        }
    }

    private static string Describe(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 57), "...");
    }
}
