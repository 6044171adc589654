using System.Text.Json;
using System.Text.Unicode;

namespace Sophia.Native.Data.Records;

/// <summary>
/// Reads objects from a file that is one of three things: JSON lines, one JSON array of objects (OlympiadBench), or one JSON object whose values are the objects (MathVista, by problem number).
/// Of the latter two the number of a line is that of the entry, from 1.
/// </summary>
internal static class JsonCollection
{
    /// <summary>A larger file can only be JSON lines, which need not be held at once.</summary>
    private const long LargestDocument = 1L << 28;

    private const int LongestBeginning = 1 << 12;

    public static IEnumerable<JsonLine> Read(string path) => ReadDocument(path) ?? JsonLines.Read(path);

    /// <summary>The entries, or null where the file is none of the two or cannot be read: whoever reads its lines then says why.</summary>
    private static List<JsonLine>? ReadDocument(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > LargestDocument || !MayBeDocument(path)) return null;
        byte[] bytes = File.ReadAllBytes(path);
        ReadOnlySpan<byte> text = WithoutMark(bytes);
        JsonElement document;
        try
        {
            if (!Utf8.IsValid(text)) return null;
            document = JsonElement.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException broken) when (text.TrimStart(" \t\r\n"u8) is [(byte)'[', ..])
        {
            throw new InvalidDataException($"{path}: expected a JSON array of questions, found broken JSON in line {broken.LineNumber + 1}", broken);
        }
        catch (JsonException)
        {
            return null;
        }

        List<JsonLine> entries = [];
        if (document.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement entry in document.EnumerateArray()) entries.Add(Entry(path, entries.Count + 1, entry));
            return entries;
        }

        foreach (JsonProperty property in document.EnumerateObject())
        {
            // A single record whose first field happens to be an object.
            if (property.Value.ValueKind != JsonValueKind.Object) return null;
            entries.Add(Entry(path, entries.Count + 1, property.Value));
        }

        return entries;
    }

    private static JsonLine Entry(string path, int number, JsonElement value)
    {
        JsonLine line = new(path, number, value);
        return value.ValueKind == JsonValueKind.Object ? line : throw line.Error("one JSON object", JsonLine.Describe(value));
    }

    /// <summary>Whether the file begins as an array, or as an object whose first value is an object.</summary>
    private static bool MayBeDocument(string path)
    {
        byte[] buffer = new byte[LongestBeginning];
        int count;
        using (FileStream stream = File.OpenRead(path)) count = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        Utf8JsonReader reader = new(WithoutMark(buffer.AsSpan(0, count)), isFinalBlock: false, default);
        try
        {
            if (!reader.Read()) return false;
            if (reader.TokenType == JsonTokenType.StartArray) return true;
            return reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.Read() && reader.TokenType == JsonTokenType.StartObject;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> bytes) => bytes is [0xEF, 0xBB, 0xBF, ..] ? bytes[3..] : bytes;
}
