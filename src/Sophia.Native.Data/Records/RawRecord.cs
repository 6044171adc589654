using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>
/// Tokens and pixel values instead of text and images, so that any model can be checked without a tokenizer: <c>{"input_ids":[],
/// "pixel_values":"file.safetensors#name"?,"loss_mask":[]?,"token_weights":[]?,"behavior_logprobs":[]?,"reference_logprobs":[]?}</c>.
/// Entry i of every list belongs to the prediction <b>of</b> token i; the first token is predicted by nothing, its entry is null or 0.
/// </summary>
public sealed record RawRecord : DataRecord
{
    private static readonly string[] KnownFields =
    [
        "id", "input_ids", "pixel_values", "loss_mask", "token_weights", "behavior_logprobs", "reference_logprobs", "reward", "selected", "temperature",
    ];

    /// <summary>[T] the sequence, at least one token.</summary>
    public required IReadOnlyList<int> InputIds { get; init; }

    /// <summary>The normalized pixel values as they stand in the file, or null for text alone.</summary>
    public string? PixelValues { get; init; }

    /// <summary>[T] 1 where the prediction of the token is trained; null where the file has none.</summary>
    public IReadOnlyList<int>? LossMask { get; init; }

    /// <summary>[T] weights; null where the file has none, which means <see cref="Reward"/> for every token.</summary>
    public IReadOnlyList<float>? TokenWeights { get; init; }

    /// <summary>[T] log-probabilities under the policy that wrote the tokens, or null.</summary>
    public IReadOnlyList<float>? BehaviorLogProbabilities { get; init; }

    /// <summary>[T] log-probabilities under the reference policy, or null.</summary>
    public IReadOnlyList<float>? ReferenceLogProbabilities { get; init; }

    /// <summary>The weight of every token where there are no token weights; 1 where the file has none.</summary>
    public float Reward { get; init; } = 1f;

    /// <summary>Whether training uses the record; true where the file does not say.</summary>
    public bool Selected { get; init; } = true;

    /// <summary>The temperature at which log-probabilities of the record hold; null for 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Reads a line.</summary>
    /// <exception cref="InvalidDataException">A field is missing, of another kind, or of another length than the tokens.</exception>
    public static RawRecord Parse(JsonLine line)
    {
        RecordFields fields = new(line);
        string? id = fields.TextOrNumber("id", out bool number);
        int[] tokens = fields.Integers("input_ids", 0, int.MaxValue) ?? throw line.Error("a field \"input_ids\"", "none");
        int[]? mask = fields.Integers("loss_mask", 0, 1, nullFirst: true);
        // Where nothing is trained nobody needs a log-probability.
        bool NullAllowed(int i) => i == 0 || mask is not null && i < mask.Length && mask[i] == 0;
        RawRecord record = new()
        {
            Id = id ?? line.Number.ToString(),
            IdIsNumber = number,
            InputIds = tokens,
            PixelValues = fields.Text("pixel_values"),
            LossMask = mask,
            TokenWeights = fields.Numbers("token_weights", NullAllowed),
            BehaviorLogProbabilities = fields.Numbers("behavior_logprobs", NullAllowed),
            ReferenceLogProbabilities = fields.Numbers("reference_logprobs", NullAllowed),
            Reward = fields.Number("reward") ?? 1f,
            Selected = fields.Truth("selected") ?? true,
            Temperature = fields.Number("temperature"),
            UnknownFields = fields.Except(KnownFields),
            Folder = Path.GetDirectoryName(Path.GetFullPath(line.Path))!,
            Location = line.Location,
        };
        record.Check();
        return record;
    }

    /// <summary>Where the pixel values are; the file must exist. Null for text alone.</summary>
    /// <exception cref="InvalidDataException">The field is not of the form <c>file#name</c>, or there is no such file.</exception>
    public TensorReference? PixelValuesReference()
    {
        if (PixelValues is null) return null;
        int separator = PixelValues.LastIndexOf('#');
        if (separator <= 0 || separator == PixelValues.Length - 1)
            throw Error("\"pixel_values\" of the form \"file.safetensors#name\"", $"\"{PixelValues}\"");
        string path = Resolve(PixelValues[..separator], "a safetensors file");
        if (!File.Exists(path))
            throw Error("a safetensors file with pixel values", $"nothing at '{path}' (paths are relative to the folder of the record file)");
        return new TensorReference(path, PixelValues[(separator + 1)..]);
    }

    /// <inheritdoc/>
    public override void WriteFields(Utf8JsonWriter json, string folder)
    {
        ArgumentNullException.ThrowIfNull(json);
        WriteId(json);
        json.WriteStartArray("input_ids");
        foreach (int id in InputIds) json.WriteNumberValue(id);
        json.WriteEndArray();
        if (PixelValues is not null)
        {
            int separator = PixelValues.LastIndexOf('#');
            json.WriteString("pixel_values", separator <= 0 ? PixelValues : Relocate(PixelValues[..separator], folder) + PixelValues[separator..]);
        }

        if (LossMask is not null)
        {
            json.WriteStartArray("loss_mask");
            foreach (int entry in LossMask) json.WriteNumberValue(entry);
            json.WriteEndArray();
        }

        WriteNumbers(json, "token_weights", TokenWeights);
        WriteNumbers(json, "behavior_logprobs", BehaviorLogProbabilities);
        WriteNumbers(json, "reference_logprobs", ReferenceLogProbabilities);
        json.WriteNumber("reward", Reward);
        json.WriteBoolean("selected", Selected);
        if (Temperature is { } temperature) json.WriteNumber("temperature", temperature);
        WriteUnknownFields(json, KnownFields);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<float>? numbers)
    {
        if (numbers is null) return;
        json.WriteStartArray(name);
        for (int i = 0; i < numbers.Count; i++)
        {
            if (i == 0) json.WriteNullValue();
            else json.WriteNumberValue(numbers[i]);
        }

        json.WriteEndArray();
    }

    private void Check()
    {
        if (InputIds.Count == 0) throw Error("\"input_ids\" of at least one token", "an empty array");
        CheckLength("loss_mask", LossMask?.Count);
        CheckLength("token_weights", TokenWeights?.Count);
        CheckLength("behavior_logprobs", BehaviorLogProbabilities?.Count);
        CheckLength("reference_logprobs", ReferenceLogProbabilities?.Count);
        if (LossMask is not null && LossMask[0] != 0) throw Error("\"loss_mask\" of 0 for the first token, which nothing predicts", "1");
        if (Temperature is <= 0) throw Error("\"temperature\" above 0", $"{Temperature}");
    }

    private void CheckLength(string name, int? length)
    {
        if (length is { } found && found != InputIds.Count)
            throw Error($"one entry of \"{name}\" for each of the {InputIds.Count} input_ids", $"{found}");
    }
}
