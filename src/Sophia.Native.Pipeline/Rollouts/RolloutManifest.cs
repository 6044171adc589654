using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>
/// <c>manifest.json</c> of a store: the format, the hash of its questions, and the options each stage was begun with, with their hash,
/// so that a resumed stage cannot mix answers of different options.
/// </summary>
internal sealed class RolloutManifest
{
    private const string FormatName = "sophia-rollout";
    private const int Version = 1;

    private RolloutManifest(string questionsHash) => QuestionsHash = questionsHash;

    public string QuestionsHash { get; }

    public SortedDictionary<string, SortedDictionary<string, string>> Stages { get; } = new(StringComparer.Ordinal);

    public static RolloutManifest New(string questionsPath) => new(HashOf(File.ReadAllBytes(questionsPath)));

    public static RolloutManifest Read(string path, string questionsPath)
    {
        RolloutManifest manifest;
        try
        {
            JsonElement root = JsonElement.Parse(File.ReadAllBytes(path));
            string? format = root.GetProperty("format").GetString();
            int version = root.GetProperty("version").GetInt32();
            if (format != FormatName || version != Version)
                throw new InvalidDataException($"{path}: expected format {FormatName} version {Version}, found {format} version {version}");
            manifest = new RolloutManifest(root.GetProperty("questions_sha256").GetString()!);
            foreach (JsonProperty stage in root.GetProperty("stages").EnumerateObject())
            {
                SortedDictionary<string, string> options = new(StringComparer.Ordinal);
                foreach (JsonProperty option in stage.Value.GetProperty("options").EnumerateObject()) options[option.Name] = option.Value.GetString()!;
                string hash = HashOf(options);
                if (stage.Value.GetProperty("sha256").GetString() != hash)
                    throw new InvalidDataException($"{path}: expected the options of stage \"{stage.Name}\" to have their hash {hash}, found another; the file was changed by hand");
                manifest.Stages[stage.Name] = options;
            }
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path}: expected the manifest of a rollout store, found something else ({broken.Message})", broken);
        }

        string questionsHash = File.Exists(questionsPath) ? HashOf(File.ReadAllBytes(questionsPath)) : "no file";
        if (questionsHash != manifest.QuestionsHash)
            throw new InvalidDataException($"{questionsPath}: expected the questions the store was begun with (SHA-256 {manifest.QuestionsHash}), found {questionsHash}");
        return manifest;
    }

    public void Write(string path) => AtomicFile.Write(path, stream =>
    {
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("format", FormatName);
        json.WriteNumber("version", Version);
        json.WriteString("questions_sha256", QuestionsHash);
        json.WriteStartObject("stages");
        foreach ((string stage, SortedDictionary<string, string> options) in Stages)
        {
            json.WriteStartObject(stage);
            json.WriteString("sha256", HashOf(options));
            json.WriteStartObject("options");
            foreach ((string name, string value) in options) json.WriteString(name, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    });

    private static string HashOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static string HashOf(SortedDictionary<string, string> options)
    {
        StringBuilder text = new();
        // Lengths in front, so that no two sets of options give one text.
        foreach ((string name, string value) in options) text.Append(name.Length).Append(':').Append(name).Append(value.Length).Append(':').Append(value);
        return HashOf(Encoding.UTF8.GetBytes(text.ToString()));
    }
}
