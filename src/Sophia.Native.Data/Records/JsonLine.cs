using System.Text.Json;
using System.Text.Unicode;

namespace Sophia.Native.Data.Records;

/// <summary>One JSON object of a JSON lines file and where it stood.</summary>
/// <param name="Path">The file as it was named.</param>
/// <param name="Number">Line number, from 1.</param>
/// <param name="Value">The object; it stays valid as long as it is referenced.</param>
public readonly record struct JsonLine(string Path, int Number, JsonElement Value)
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>The line as errors name it: <c>path:line</c>.</summary>
    public string Location => $"{Path}:{Number}";

    /// <summary>An error at this line: <c>path:line: expected ..., found ...</c>.</summary>
    public InvalidDataException Error(string expected, string found) => new($"{Location}: expected {expected}, found {found}");

    /// <summary>Parses the bytes of one line.</summary>
    /// <exception cref="InvalidDataException">They are no UTF-8, no JSON, or JSON of another kind than an object; a field that stands twice is an error too.</exception>
    internal static JsonLine Parse(string path, int number, ReadOnlySpan<byte> bytes)
    {
        JsonLine line = new(path, number, default);
        if (!Utf8.IsValid(bytes)) throw line.Error("UTF-8 text", "bytes that are no UTF-8");
        JsonElement value;
        try
        {
            value = JsonElement.Parse(bytes, Options);
        }
        catch (JsonException broken)
        {
            throw line.Error("one JSON object", $"broken JSON at byte {broken.BytePositionInLine + 1} of the line ({Reason(broken)})");
        }

        if (value.ValueKind != JsonValueKind.Object) throw line.Error("one JSON object", Describe(value));
        return line with { Value = value };
    }

    /// <summary>A value as errors show it: its kind, and itself where that is short.</summary>
    internal static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Undefined => "nothing",
        JsonValueKind.Null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => $"an array of {value.GetArrayLength()}",
        JsonValueKind.String => $"the text {Short(value.GetRawText())}",
        JsonValueKind.Number => $"the number {Short(value.GetRawText())}",
        _ => value.GetRawText(),
    };

    private static string Short(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}...";

    private static string Reason(JsonException broken)
    {
        // The reader's own sentence ends with its idea of line and path, which are those of one line here.
        int tail = broken.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (tail < 0 ? broken.Message : broken.Message[..tail]).TrimEnd('.', ' ');
    }
}
