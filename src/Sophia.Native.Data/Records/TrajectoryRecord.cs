using System.Text.Json;

namespace Sophia.Native.Data.Records;

/// <summary>
/// A question with one answer to train on: the question's fields and <c>{"caption_index","trajectory_index","caption","response","response_ids"?,
/// "behavior_logprobs"?,"outcome_reward","caption_reward","reward","selected"}</c>. Of these only the response is required; a file of questions and
/// responses is a training set with reward 1.
/// </summary>
public sealed record TrajectoryRecord : DataRecord
{
    private static readonly string[] KnownFields =
    [
        "id", "image", "video", "video_segments", "question", "options", "answer", "system", "caption_index", "trajectory_index", "caption", "response", "response_ids",
        "behavior_logprobs", "outcome_reward", "caption_reward", "reward", "selected", "truncated", "temperature",
    ];

    /// <summary>The question, its images and its gold answer. Unknown fields of the line are both the trajectory's and the question's, whose tolerances stand among them.</summary>
    public required QuestionRecord Question { get; init; }

    /// <summary>k, the caption the answer was written from, from 0.</summary>
    public int CaptionIndex { get; init; }

    /// <summary>n, the number of the answer among those to its caption, from 0.</summary>
    public int TrajectoryIndex { get; init; }

    /// <summary>The caption, or null; it is neither in the context of the update nor trained on.</summary>
    public string? Caption { get; init; }

    /// <summary>The text of the answer.</summary>
    public required string Response { get; init; }

    /// <summary>The policy's tokens of the response including the end token, or null where only the text is known.</summary>
    public IReadOnlyList<int>? ResponseIds { get; init; }

    /// <summary>Per response token: natural logarithm of its probability under the policy that wrote it; null where it is not known.</summary>
    public IReadOnlyList<float>? BehaviorLogProbabilities { get; init; }

    /// <summary>R(y_kn): 1 if the answer is right. Null where it was not judged.</summary>
    public float? OutcomeReward { get; init; }

    /// <summary>R(c_k). Null where it was not propagated.</summary>
    public float? CaptionReward { get; init; }

    /// <summary>The weight of the response in the update; 1 where the file has none.</summary>
    public float Reward { get; init; } = 1f;

    /// <summary>Whether training uses the record; true where the file does not say.</summary>
    public bool Selected { get; init; } = true;

    /// <summary>Whether the answer stopped at a length limit instead of its end; such an answer is never right and never selected.</summary>
    public bool Truncated { get; init; }

    /// <summary>The temperature at which log-probabilities of the record hold; null for 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Reads a line.</summary>
    /// <exception cref="InvalidDataException">A field is missing, of another kind, or contradicts another.</exception>
    public static TrajectoryRecord Parse(JsonLine line)
    {
        RecordFields fields = new(line);
        QuestionRecord question = QuestionRecord.Parse(line, KnownFields);
        TrajectoryRecord record = new()
        {
            Id = question.Id,
            IdIsNumber = question.IdIsNumber,
            UnknownFields = question.UnknownFields,
            Folder = question.Folder,
            Location = question.Location,
            Question = question,
            CaptionIndex = fields.Integer("caption_index", 0) ?? 0,
            TrajectoryIndex = fields.Integer("trajectory_index", 0) ?? 0,
            Caption = fields.Text("caption"),
            Response = fields.RequiredText("response"),
            ResponseIds = fields.Integers("response_ids", 0, int.MaxValue),
            BehaviorLogProbabilities = fields.Numbers("behavior_logprobs"),
            OutcomeReward = fields.Number("outcome_reward"),
            CaptionReward = fields.Number("caption_reward"),
            Reward = fields.Number("reward") ?? 1f,
            Selected = fields.Truth("selected") ?? true,
            Truncated = fields.Truth("truncated") ?? false,
            Temperature = fields.Number("temperature"),
        };
        record.Check();
        return record;
    }

    /// <inheritdoc/>
    public override void WriteFields(Utf8JsonWriter json, string folder)
    {
        ArgumentNullException.ThrowIfNull(json);
        Question.WriteKnownFields(json, folder);
        json.WriteNumber("caption_index", CaptionIndex);
        json.WriteNumber("trajectory_index", TrajectoryIndex);
        if (Caption is not null) json.WriteString("caption", Caption);
        json.WriteString("response", Response);
        if (ResponseIds is not null)
        {
            json.WriteStartArray("response_ids");
            foreach (int id in ResponseIds) json.WriteNumberValue(id);
            json.WriteEndArray();
        }

        if (BehaviorLogProbabilities is not null)
        {
            json.WriteStartArray("behavior_logprobs");
            foreach (float value in BehaviorLogProbabilities) json.WriteNumberValue(value);
            json.WriteEndArray();
        }

        if (OutcomeReward is { } outcome) json.WriteNumber("outcome_reward", outcome);
        if (CaptionReward is { } caption) json.WriteNumber("caption_reward", caption);
        json.WriteNumber("reward", Reward);
        json.WriteBoolean("selected", Selected);
        if (Truncated) json.WriteBoolean("truncated", true);
        if (Temperature is { } temperature) json.WriteNumber("temperature", temperature);
        WriteUnknownFields(json, KnownFields);
        Question.WriteUnknownFields(json, [.. KnownFields, .. UnknownFields.Select(field => field.Key)]);
    }

    private void Check()
    {
        if (BehaviorLogProbabilities is { } values)
        {
            if (ResponseIds is null) throw Error("\"response_ids\" beside \"behavior_logprobs\", since the one belongs to the other", "none");
            if (values.Count != ResponseIds.Count)
                throw Error($"one entry of \"behavior_logprobs\" for each of the {ResponseIds.Count} response_ids", $"{values.Count}");
        }

        if (ResponseIds is { Count: 0 }) throw Error("\"response_ids\" with at least the end token", "an empty array");
        if (Temperature is <= 0) throw Error("\"temperature\" above 0", $"{Temperature}");
        if (Selected && Response.Length == 0 && ResponseIds is null)
            throw Error("a response to train on (or \"selected\": false)", "an empty text");
        if (Selected && Truncated) throw Error("\"selected\": false for a truncated answer", "true");
    }
}
