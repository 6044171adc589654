using System.Text.Json;

namespace Sophia.Native.Training.Recipes;

/// <summary>An object of a recipe, with the place it has in the file for messages.</summary>
internal readonly struct RecipeSection
{
    private readonly string _path;
    private readonly string _place;
    private readonly JsonElement _element;

    public RecipeSection(string path, string place, JsonElement element)
    {
        _path = path;
        _place = place;
        _element = element;
        if (element.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
            throw new InvalidDataException($"{path}: {(place.Length == 0 ? "the recipe" : place.TrimEnd('.'))}: expected an object, found {element.ValueKind}.");
    }

    /// <summary>Throws for a key that is not among those known.</summary>
    public void Allow(params ReadOnlySpan<string> known)
    {
        if (_element.ValueKind == JsonValueKind.Undefined)
            return;
        foreach (var property in _element.EnumerateObject())
        {
            if (known.IndexOf(property.Name) < 0)
                throw new InvalidDataException($"{_path}: unknown key {_place}{property.Name}; known are {string.Join(", ", known.ToArray())}.");
        }
    }

    public bool Has(string key) => _element.ValueKind == JsonValueKind.Object && _element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public bool IsNull(string key) => _element.ValueKind == JsonValueKind.Object && _element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null;

    public bool IsText(string key, string text) => Has(key) && _element.GetProperty(key) is { ValueKind: JsonValueKind.String } value && value.GetString() == text;

    public bool IsList(string key) => Has(key) && _element.GetProperty(key).ValueKind == JsonValueKind.Array;

    public RecipeSection Section(string key) => new(_path, $"{_place}{key}.", Has(key) ? _element.GetProperty(key) : default);

    public int Integer(string key, int fallback, int low, int high)
    {
        if (!Has(key))
            return fallback;
        if (_element.GetProperty(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) && number >= low && number <= high)
            return number;
        throw Fault(key, $"a whole number from {low} to {high}");
    }

    public double Number(string key, double fallback, double low, double high)
    {
        if (!Has(key))
            return fallback;
        if (_element.GetProperty(key) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var number) && number >= low && number <= high)
            return number;
        throw Fault(key, FormattableString.Invariant($"a number from {low} to {high}"));
    }

    public bool Boolean(string key, bool fallback)
    {
        if (!Has(key))
            return fallback;
        return _element.GetProperty(key).ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Fault(key, "true or false"),
        };
    }

    public T Choice<T>(string key, T fallback, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (!Has(key))
            return fallback;
        var text = _element.GetProperty(key) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        var names = new List<string>();
        foreach (var (name, choice) in choices)
        {
            if (name == text)
                return choice;
            names.Add($"\"{name}\"");
        }
        throw Fault(key, string.Join(" or ", names));
    }

    /// <summary>A pair of numbers, each of which may be null.</summary>
    public (double? First, double? Second) Bounds(string key, double? first, double? second)
    {
        if (!Has(key))
            return (first, second);
        var value = _element.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2)
            throw Fault(key, "a list of two numbers");
        return (Bound(key, value[0]), Bound(key, value[1]));
    }

    public IEnumerable<string> Texts(string key)
    {
        var value = _element.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Array)
            throw Fault(key, "a list of names");
        var texts = new List<string>();
        foreach (var item in value.EnumerateArray())
            texts.Add(item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Fault(key, "a list of names"));
        return texts;
    }

    /// <summary>A name that must be there.</summary>
    public string Text(string key, string expected) =>
        Has(key) && _element.GetProperty(key) is { ValueKind: JsonValueKind.String } value && value.GetString() is { Length: > 0 } text ? text : throw Fault(key, expected);

    /// <summary>The objects of a list.</summary>
    public IReadOnlyList<RecipeSection> Sections(string key, string expected)
    {
        var value = _element.GetProperty(key);
        if (value.ValueKind != JsonValueKind.Array)
            throw Fault(key, expected);
        var sections = new List<RecipeSection>();
        foreach (var item in value.EnumerateArray())
            sections.Add(item.ValueKind == JsonValueKind.Object ? new(_path, $"{_place}{key}[{sections.Count}].", item) : throw Fault(key, expected));
        return sections;
    }

    /// <summary>A file whose path is relative to the recipe's folder; null where the key is absent.</summary>
    public RecipeFile? File(string key)
    {
        if (!Has(key))
            return null;
        var name = Text(key, "the path of a file, relative to the folder of the recipe");
        return name.Contains('\0') ? throw Fault(key, "the path of a file") : new(name, Path.GetFullPath(name, Path.GetDirectoryName(Path.GetFullPath(_path))!));
    }

    public InvalidDataException Fault(string key, string expected) =>
        new($"{_path}: {_place}{key}: expected {expected}" + (Has(key) ? $", found {_element.GetProperty(key).GetRawText()}." : "."));

    private double? Bound(string key, JsonElement item) => item.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Number => item.GetDouble(),
        _ => throw Fault(key, "a list of two numbers"),
    };
}
