using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>Writes JSON objects as lines. Floating-point numbers are written in the shortest form that reads back to the same bits.</summary>
/// <remarks>Characters that need no escape in JSON stay readable: other scripts, quotes' neighbors of HTML and so on are written as they are.</remarks>
public sealed class JsonLinesWriter : IDisposable
{
    private readonly Stream _stream;
    private readonly Utf8JsonWriter _json;

    /// <summary>Writes to a stream, which stays open when the writer is disposed.</summary>
    public JsonLinesWriter(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        // Depth and structure are the writer's business: a broken object must not reach a file.
        _json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <summary>Writes one record; relative paths in it become relative to <paramref name="folder"/>.</summary>
    public void Write(DataRecord record, string folder)
    {
        ArgumentNullException.ThrowIfNull(record);
        Write(json => record.WriteFields(json, folder));
    }

    /// <summary>Writes one object; <paramref name="fields"/> writes what stands between its braces.</summary>
    public void Write(Action<Utf8JsonWriter> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        _json.Reset();
        _json.WriteStartObject();
        fields(_json);
        _json.WriteEndObject();
        _json.Flush();
        _stream.WriteByte((byte)'\n');
    }

    /// <summary>Ends the writer; the stream stays open.</summary>
    public void Dispose() => _json.Dispose();
}
