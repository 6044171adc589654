using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Models.Generation;

namespace Sophia.Native.Pipeline;

/// <summary>Turns records into samples to score or train on and into prompts to continue.</summary>
/// <param name="processor">The model's processor; only text records need its tokenizer.</param>
public sealed class RecordEncoder(InternVLProcessor processor)
{
    /// <summary>The processor.</summary>
    public InternVLProcessor Processor { get; } = processor;

    /// <summary>A record as a sequence. A trajectory's response is trained with its reward as weight; of a raw record what its loss_mask says; of a question alone nothing.</summary>
    /// <param name="record">The record.</param>
    /// <exception cref="InvalidDataException">The record does not fit; the message begins with its place.</exception>
    public Sample ToSample(DataRecord record) => record switch
    {
        RawRecord raw => ToSample(raw),
        TrajectoryRecord trajectory => ToSample(trajectory),
        QuestionRecord question => ToSample(question),
        _ => throw new ArgumentException($"Expected a question, a trajectory or a raw record, found {record.GetType().Name}.", nameof(record)),
    };

    /// <summary>A record as a prompt: of a question or trajectory the question, of a raw record all its tokens.</summary>
    /// <param name="record">The record.</param>
    /// <param name="sampleNumber">The sample's number in the random numbers.</param>
    public GenerationRequest ToRequest(DataRecord record, int sampleNumber)
    {
        var sample = record is TrajectoryRecord trajectory ? ToSample(trajectory.Question) : ToSample(record);
        return new() { Id = sample.Id, PromptIds = sample.InputIds, PixelValues = sample.PixelValues, TileCount = sample.TileCount, SampleNumber = sampleNumber };
    }

    /// <summary>The prompt that the policy answers: system message, images, question with options.</summary>
    /// <param name="question">The question.</param>
    /// <param name="system">The system message; null for the question's or the model's own.</param>
    /// <exception cref="InvalidDataException">An image is missing or broken; the message begins with the record's place.</exception>
    public ProcessedPrompt Prompt(QuestionRecord question, string? system = null)
    {
        ArgumentNullException.ThrowIfNull(question);
        var images = question.ImagePaths();
        try
        {
            return Processor.Process(system ?? question.System, Prompts.ForPolicy(question), images, question.IsVideo);
        }
        catch (InvalidDataException fault) when (question.Location.Length > 0)
        {
            throw new InvalidDataException($"{question.Location}: {fault.Message}", fault);
        }
    }

    private Sample ToSample(QuestionRecord question)
    {
        var prompt = Prompt(question);
        return new() { Id = question.Id, InputIds = prompt.Ids, PixelValues = prompt.PixelValues, TileCount = prompt.TileCount };
    }

    private Sample ToSample(TrajectoryRecord record)
    {
        var prompt = Prompt(record.Question, Prompts.SystemForTraining(record));
        int[] response = record.ResponseIds is null ? Processor.EncodeResponse(record.Response) : [.. record.ResponseIds];
        if (record.ResponseIds is null && string.IsNullOrWhiteSpace(record.Response) || response.Length == 0)
            throw record.Error("a response of at least one token", "an empty one");
        var length = prompt.Ids.Length + response.Length;
        var mask = new bool[length];
        mask.AsSpan(prompt.Ids.Length).Fill(true);
        var weights = new float[length];
        weights.AsSpan(prompt.Ids.Length).Fill(record.Reward);
        return new()
        {
            Id = record.Id,
            InputIds = [.. prompt.Ids, .. response],
            PixelValues = prompt.PixelValues,
            TileCount = prompt.TileCount,
            LossMask = mask,
            TokenWeights = weights,
            BehaviorLogProbabilities = Behavior(record, prompt.Ids.Length, response.Length),
            Temperature = record.Temperature ?? 1f,
        };
    }

    private static float[]? Behavior(TrajectoryRecord record, int promptLength, int responseLength)
    {
        if (record.BehaviorLogProbabilities is not { } known)
            return null;
        if (known.Count != responseLength)
            throw record.Error($"\"behavior_logprobs\" of {responseLength} entries, one for each response token", $"{known.Count}");
        var behavior = new float[promptLength + responseLength];
        for (var i = 0; i < responseLength; i++)
            behavior[promptLength + i] = known[i];
        return behavior;
    }

    private Sample ToSample(RawRecord record)
    {
        var length = record.InputIds.Count;
        var weights = new float[length];
        bool[]? mask = record.LossMask is null ? null : new bool[length];
        for (var i = 0; i < length; i++)
        {
            weights[i] = record.TokenWeights?[i] ?? record.Reward;
            if (mask is not null)
                mask[i] = record.LossMask![i] != 0;
        }
        var (pixels, tiles) = Pixels(record);
        return new()
        {
            Id = record.Id,
            InputIds = [.. record.InputIds],
            PixelValues = pixels,
            TileCount = tiles,
            LossMask = mask,
            TokenWeights = weights,
            BehaviorLogProbabilities = record.BehaviorLogProbabilities is { } behavior ? [.. behavior] : null,
            ReferenceLogProbabilities = record.ReferenceLogProbabilities is { } reference ? [.. reference] : null,
            Temperature = record.Temperature ?? 1f,
        };
    }

    private (float[]? Pixels, int Tiles) Pixels(RawRecord record)
    {
        if (record.PixelValuesReference() is not { } reference)
            return (null, 0);
        using var file = SafetensorsFile.Open(reference.File);
        if (!file.TryFind(reference.Name, out var tensor))
            throw record.Error($"a tensor \"{reference.Name}\" in {reference.File}", "none of that name");
        var side = Processor.Config.TileSize;
        var shape = tensor.Shape;
        if (shape.Count != 4 || shape[1] != 3 || shape[2] != side || shape[3] != side || shape[0] is < 1 or > 4096)
            throw record.Error($"pixel values of shape [tiles, 3, {side}, {side}]", tensor.ToString());
        var pixels = new float[tensor.ElementCount];
        tensor.ReadFloats(0, pixels);
        return (pixels, (int)shape[0]);
    }
}
