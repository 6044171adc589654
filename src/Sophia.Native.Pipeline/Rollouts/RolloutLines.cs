using System.Text.Json;
using Sophia.Native.Data.Records;

namespace Sophia.Native.Pipeline.Rollouts;

/// <summary>The lines of <c>captions.jsonl</c> and <c>answers.jsonl</c>: fields named as in trajectories, questions named by their ids.</summary>
internal sealed class RolloutLines
{
    /// <summary>No round has that many captions or answers; a larger index in a file is a broken file.</summary>
    public const int MostOfOneQuestion = 1 << 16;

    private readonly QuestionRecord[] _questions;
    private readonly Dictionary<string, int> _questionOfId = [];

    public RolloutLines(QuestionRecord[] questions)
    {
        _questions = questions;
        for (int i = 0; i < questions.Length; i++) _questionOfId.Add(questions[i].Id, i);
    }

    public void Write(Utf8JsonWriter json, StoredCaption caption)
    {
        json.WriteString("id", _questions[caption.Question].Id);
        json.WriteNumber("caption_index", caption.CaptionIndex);
        json.WriteString("caption", caption.Text);
        if (caption.Truncated) json.WriteBoolean("truncated", true);
    }

    public void Write(Utf8JsonWriter json, StoredAnswer answer)
    {
        json.WriteString("id", _questions[answer.Question].Id);
        json.WriteNumber("caption_index", answer.CaptionIndex);
        json.WriteNumber("trajectory_index", answer.AnswerIndex);
        json.WriteString("response", answer.Text);
        if (answer.Truncated) json.WriteBoolean("truncated", true);
    }

    public StoredCaption ParseCaption(JsonLine line)
    {
        RecordFields fields = new(line);
        int question = QuestionOf(fields);
        return new StoredCaption(question, RequiredIndex(fields, "caption_index"), fields.RequiredText("caption"), fields.Truth("truncated") ?? false);
    }

    public StoredAnswer ParseAnswer(JsonLine line)
    {
        RecordFields fields = new(line);
        int question = QuestionOf(fields);
        return new StoredAnswer(
            question, RequiredIndex(fields, "caption_index"), RequiredIndex(fields, "trajectory_index"), fields.RequiredText("response"), fields.Truth("truncated") ?? false);
    }

    private int QuestionOf(RecordFields fields)
    {
        string id = fields.TextOrNumber("id", out _) ?? throw fields.Line.Error("a field \"id\"", "none");
        return _questionOfId.TryGetValue(id, out int question) ? question : throw fields.Line.Error("an id of questions.jsonl", $"\"{id}\"");
    }

    private static int RequiredIndex(RecordFields fields, string name)
    {
        int index = fields.Integer(name, 0) ?? throw fields.Line.Error($"a field \"{name}\"", "none");
        return index < MostOfOneQuestion ? index : throw fields.Line.Error($"\"{name}\" below {MostOfOneQuestion}", $"{index}");
    }
}
