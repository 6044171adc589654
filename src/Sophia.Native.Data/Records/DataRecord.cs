using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>
/// What every record of a JSON lines file has: an id, the fields it does not know, and where it came from. Fields that a record does not know
/// are kept and written back with their values as they stood.
/// </summary>
public abstract record DataRecord
{
    /// <summary>The id; a record without one gets its line number.</summary>
    public required string Id { get; init; }

    /// <summary>Whether the id stood as a number and is to be written as one.</summary>
    public bool IdIsNumber { get; init; }

    /// <summary>Fields that mean nothing to this project, in their order.</summary>
    public IReadOnlyList<KeyValuePair<string, JsonElement>> UnknownFields { get; init; } = [];

    /// <summary>The absolute folder that relative paths of the record are relative to: that of its file.</summary>
    public string Folder { get; init; } = Directory.GetCurrentDirectory();

    /// <summary>Where the record stood (<c>path:line</c>), for errors; empty for one that was made in memory.</summary>
    public string Location { get; init; } = "";

    /// <summary>Writes the fields of the record into an open object; relative paths become relative to <paramref name="folder"/>.</summary>
    public abstract void WriteFields(Utf8JsonWriter json, string folder);

    /// <summary>An error about this record: where it stood, what was expected, what was found.</summary>
    public InvalidDataException Error(string expected, string found) =>
        new($"{(Location.Length > 0 ? Location : $"record {Id}")}: expected {expected}, found {found}");

    /// <summary>Writes the field "id" into an open object, as a number where the file had one.</summary>
    /// <param name="json">The writer.</param>
    public void WriteId(Utf8JsonWriter json)
    {
        if (IdIsNumber)
        {
            json.WritePropertyName("id");
            json.WriteRawValue(Id);
        }
        else
        {
            json.WriteString("id", Id);
        }
    }

    /// <summary>Writes the unknown fields but for those the caller writes itself: what one kind of record does not know another may.</summary>
    internal void WriteUnknownFields(Utf8JsonWriter json, ReadOnlySpan<string> written)
    {
        foreach ((string name, JsonElement value) in UnknownFields)
        {
            if (written.IndexOf(name) >= 0) continue;
            json.WritePropertyName(name);
            // The text as it stood, so that numbers keep every digit; a line feed in it would break the line.
            string text = value.GetRawText();
            if (text.Contains('\n') || text.Contains('\r')) value.WriteTo(json);
            else json.WriteRawValue(text, skipInputValidation: true);
        }
    }

    /// <summary>The absolute path of a path written in this record.</summary>
    private protected string Resolve(string path, string what)
    {
        if (path.Length == 0 || path.Contains('\0')) throw Error($"the path of {what}", $"'{path.Replace("\0", "\\0")}'");
        return Path.GetFullPath(path, Folder);
    }

    /// <summary>A path of this record as a record of a file in another folder writes it: absolute ones as they are, others relative and with '/'.</summary>
    private protected string Relocate(string path, string folder)
    {
        if (path.Length == 0 || path.Contains('\0') || Path.IsPathRooted(path)) return path;
        string target = Path.GetFullPath(folder);
        return target == Folder ? path : Path.GetRelativePath(target, Path.GetFullPath(path, Folder)).Replace('\\', '/');
    }
}
