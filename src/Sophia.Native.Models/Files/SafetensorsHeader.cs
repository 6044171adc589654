using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Sophia.Native.Models.Files;

/// <summary>Reads the JSON header of a safetensors file and checks all of it against the size of the file before any data is touched.</summary>
internal static class SafetensorsHeader
{
    /// <summary>The limit of the format's own implementation.</summary>
    public const long MaxBytes = 100_000_000;

    public const string MetadataKey = "__metadata__";

    public static (List<SafetensorsTensor> Tensors, Dictionary<string, string> Metadata) Parse(SafetensorsFile file, ReadOnlyMemory<byte> header, long dataStart, long dataLength)
    {
        var tensors = new List<(SafetensorsTensor Tensor, long Begin, long End)>();
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (header.Length == 0 || header.Span[0] != (byte)'{' || !Utf8.IsValid(header.Span))
            throw Fault(file, "expected a header of JSON that begins with '{', found something else; is this a safetensors file?");
        try
        {
            using var document = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.NameEquals(MetadataKey)) ReadMetadata(file, property.Value, metadata);
                else tensors.Add(ReadTensor(file, property, dataStart, dataLength));
            }
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{file.Path}: the header is not valid JSON: {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            // An escaped half of a surrogate pair, which JSON allows and text does not.
            throw new InvalidDataException($"{file.Path}: the header holds a name that is not valid text: {exception.Message}", exception);
        }

        // Sorted by place, every tensor must begin where the one before ended: that excludes overlaps and holes alike.
        tensors.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End != b.End ? a.End.CompareTo(b.End) : string.CompareOrdinal(a.Tensor.Name, b.Tensor.Name));
        long expected = 0;
        var ordered = new List<SafetensorsTensor>(tensors.Count);
        foreach (var (tensor, begin, end) in tensors)
        {
            if (begin != expected)
                throw Fault(file, $"tensor {Quote(tensor.Name)}: expected its data to begin at {expected}, where the one before ends, found {begin}");
            expected = end;
            ordered.Add(tensor);
        }
        if (expected != dataLength)
            throw Fault(file, $"expected {expected} bytes of data, as the header describes, found {dataLength}; the file is {(dataLength < expected ? "cut off" : "too long")}");
        return (ordered, metadata);
    }

    /// <summary>A name from a file, fit for one line of an error message.</summary>
    public static string Quote(string name)
    {
        const int Limit = 200;
        var text = new StringBuilder("\"");
        foreach (var letter in name.AsSpan(0, Math.Min(name.Length, Limit))) text.Append(char.IsControl(letter) ? '?' : letter);
        return text.Append(name.Length > Limit ? "...\"" : "\"").ToString();
    }

    public static string Describe(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";

    public static InvalidDataException Fault(SafetensorsFile file, string message) => new($"{file.Path}: {message}.");

    private static void ReadMetadata(SafetensorsFile file, JsonElement element, Dictionary<string, string> metadata)
    {
        if (element.ValueKind != JsonValueKind.Object) throw Fault(file, $"{MetadataKey}: expected an object of texts, found {element.ValueKind}");
        foreach (var property in element.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
                throw Fault(file, $"{MetadataKey}: {Quote(property.Name)}: expected a text, found {property.Value.ValueKind}");
            metadata.Add(property.Name, property.Value.GetString()!);
        }
    }

    private static (SafetensorsTensor Tensor, long Begin, long End) ReadTensor(SafetensorsFile file, JsonProperty property, long dataStart, long dataLength)
    {
        var name = property.Name;
        if (property.Value.ValueKind != JsonValueKind.Object) throw Fault(file, $"tensor {Quote(name)}: expected an object, found {property.Value.ValueKind}");
        string? typeName = null;
        long[]? shape = null, offsets = null;
        foreach (var field in property.Value.EnumerateObject())
        {
            if (field.NameEquals("dtype") && field.Value.ValueKind == JsonValueKind.String) typeName = field.Value.GetString();
            else if (field.NameEquals("shape")) shape = ReadNumbers(field.Value);
            else if (field.NameEquals("data_offsets")) offsets = ReadNumbers(field.Value);
            else throw Fault(file, $"tensor {Quote(name)}: expected dtype, shape and data_offsets, found {Quote(field.Name)} of kind {field.Value.ValueKind}");
        }
        if (!FileElementTypes.TryParse(typeName, out var type))
            throw Fault(file, $"tensor {Quote(name)}: expected an element type such as F32 or BF16, found {(typeName is null ? "none" : Quote(typeName))}");
        if (shape is null) throw Fault(file, $"tensor {Quote(name)}: expected a shape of whole numbers of at least 0");
        if (offsets is not { Length: 2 }) throw Fault(file, $"tensor {Quote(name)}: expected data_offsets of two whole numbers of at least 0");
        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end || end > dataLength)
            throw Fault(file, $"tensor {Quote(name)}: expected data within the file's {dataLength} bytes of data, found {begin} to {end}; the file may be cut off");

        long count = 1, bytes;
        try
        {
            foreach (var dimension in shape) count = checked(count * dimension);
            bytes = checked(count * type.ByteCount());
        }
        catch (OverflowException)
        {
            throw Fault(file, $"tensor {Quote(name)}: the shape {Describe(shape)} has more elements than any file");
        }
        if (bytes != end - begin)
            throw Fault(file, $"tensor {Quote(name)}: expected {bytes} bytes for {type.Name()} {Describe(shape)}, found {end - begin}");
        return (new SafetensorsTensor(file, name, type, shape, count, dataStart + begin), begin, end);
    }

    /// <summary>A list of whole numbers of at least 0, or null when it is anything else.</summary>
    private static long[]? ReadNumbers(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array) return null;
        var numbers = new long[element.GetArrayLength()];
        var index = 0;
        foreach (var item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number) || number < 0) return null;
            numbers[index++] = number;
        }
        return numbers;
    }
}
