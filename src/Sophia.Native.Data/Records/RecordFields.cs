using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>Reads the fields of one line, with an error that names line, field and value where something else stands; null counts as absent.</summary>
internal readonly struct RecordFields(JsonLine line)
{
    public JsonLine Line => line;

    public bool Has(string name) => line.Value.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    public string? Text(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.String ? TextOf(value, name) : throw Wrong(name, "a text", value);
    }

    public string RequiredText(string name) => Text(name) ?? throw line.Error($"a field \"{name}\" with a text", "none");

    /// <summary>A text, or a number as it stands.</summary>
    public string? TextOrNumber(string name, out bool number)
    {
        number = false;
        if (!TryGet(name, out JsonElement value)) return null;
        number = value.ValueKind == JsonValueKind.Number;
        if (number) return value.GetRawText();
        return value.ValueKind == JsonValueKind.String ? TextOf(value, name) : throw Wrong(name, "a text or a number", value);
    }

    public int? Integer(string name, int least)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int integer) && integer >= least
            ? integer
            : throw Wrong(name, $"an integer of at least {least}", value);
    }

    public float? Number(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return TrySingle(value, out float number) ? number : throw Wrong(name, "a finite number", value);
    }

    public bool? Truth(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, "true or false", value),
        };
    }

    /// <summary>A text or an array of texts; numbers in the array are taken as they stand.</summary>
    public string[] Texts(string name, bool single)
    {
        if (!TryGet(name, out JsonElement value)) return [];
        if (single && value.ValueKind == JsonValueKind.String) return [TextOf(value, name)];
        string expected = single ? "a text or an array of texts" : "an array of texts";
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(name, expected, value);
        string[] texts = new string[value.GetArrayLength()];
        int count = 0;
        foreach (JsonElement entry in value.EnumerateArray())
        {
            texts[count++] = entry.ValueKind switch
            {
                JsonValueKind.String => TextOf(entry, name),
                JsonValueKind.Number => entry.GetRawText(),
                _ => throw Wrong(name, expected, entry, count - 1),
            };
        }

        return texts;
    }

    /// <summary>Integers of a range; the first may be null, which is 0, where <paramref name="nullFirst"/> says so.</summary>
    public int[]? Integers(string name, int least, int greatest, bool nullFirst = false)
    {
        if (!TryGetArray(name, out JsonElement value)) return null;
        int[] integers = new int[value.GetArrayLength()];
        int count = 0;
        foreach (JsonElement entry in value.EnumerateArray())
        {
            int integer = 0;
            bool absent = nullFirst && count == 0 && entry.ValueKind == JsonValueKind.Null;
            if (!absent && (entry.ValueKind != JsonValueKind.Number || !entry.TryGetInt32(out integer) || integer < least || integer > greatest))
                throw Wrong(name, greatest == int.MaxValue ? $"integers of at least {least}" : $"integers from {least} to {greatest}", entry, count);
            integers[count++] = integer;
        }

        return integers;
    }

    /// <summary>Finite numbers; null is 0 where <paramref name="nullAllowed"/> says so by index.</summary>
    public float[]? Numbers(string name, Func<int, bool>? nullAllowed = null)
    {
        if (!TryGetArray(name, out JsonElement value)) return null;
        float[] numbers = new float[value.GetArrayLength()];
        int count = 0;
        foreach (JsonElement entry in value.EnumerateArray())
        {
            bool absent = entry.ValueKind == JsonValueKind.Null && nullAllowed is not null && nullAllowed(count);
            if (!absent && !TrySingle(entry, out numbers[count])) throw Wrong(name, "finite numbers", entry, count);
            count++;
        }

        return numbers;
    }

    public InvalidDataException Wrong(string name, string expected, JsonElement found, int? entry = null) =>
        line.Error($"\"{name}\" to be {expected}", JsonLine.Describe(found) + (entry is null ? "" : $" as entry {entry} (from 0)"));

    /// <summary>The fields whose names are not among <paramref name="known"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> Except(ReadOnlySpan<string> known)
    {
        List<KeyValuePair<string, JsonElement>>? fields = null;
        foreach (JsonProperty property in line.Value.EnumerateObject())
        {
            string name = NameOf(property);
            if (known.IndexOf(name) < 0) (fields ??= []).Add(new(name, property.Value));
        }

        return fields is null ? [] : fields;
    }

    private bool TryGet(string name, out JsonElement value) =>
        line.Value.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private bool TryGetArray(string name, out JsonElement value)
    {
        if (!TryGet(name, out value)) return false;
        return value.ValueKind == JsonValueKind.Array ? true : throw Wrong(name, "an array", value);
    }

    private static bool TrySingle(JsonElement value, out float number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out number) && float.IsFinite(number);
    }

    private string TextOf(JsonElement value, string name)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // An escape such as \ud800 without its other half is JSON but no text.
            throw Wrong(name, "text of whole characters", value);
        }
    }

    private string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw line.Error("field names of whole characters", "half a surrogate pair");
        }
    }
}
