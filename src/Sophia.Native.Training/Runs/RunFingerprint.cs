using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Training.Runs;

/// <summary>
/// A hash over all that decides a run: recipe, seed, samples and, where they are not Float32, the types of parameters and moments; for an adapter, whose checkpoints lack the model, blocks of that as well.
/// A resumption with another one is refused.
/// </summary>
internal static class RunFingerprint
{
    private const int Blocks = 256;
    private const int BlockElements = 256;

    public static string Of(Recipe recipe, ulong seed, IReadOnlyList<Sample> samples, ElementType storage = ElementType.Float32, IReadOnlyList<SampleSource>? sources = null,
        ParameterSet? adapted = null, int? ropeLength = null)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(Describe(recipe)));
        if (storage != ElementType.Float32 || recipe.Optimizer.Moments != ElementType.Float32)
            hash.AppendData(Encoding.UTF8.GetBytes($" {storage} {recipe.Optimizer.Moments}"));
        // What has its usual value adds nothing, so that runs of before can be resumed.
        if (recipe.Objective != ObjectiveKind.Sophia)
            hash.AppendData(Encoding.UTF8.GetBytes($" {recipe.Objective}"));
        if (recipe.EvaluateEvery > 0)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $" {recipe.EvaluateEvery}")));
        if (recipe.Evaluation is { } evaluation)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $" {evaluation.Questions?.Name} {evaluation.HeldOut?.Name} {evaluation.MaximumNewTokens} {evaluation.Count}")));
        foreach (var entry in recipe.DataMix)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $" {entry.File.Name} {entry.Weight:R}")));
        for (var i = 0; sources is { Count: > 1 } && i < sources.Count; i++)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $" {sources[i].Samples.Count} {sources[i].Weight:R}")));
        if (recipe.Adapter is { } adapter)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $" lora {adapter.Rank} {adapter.Alpha} {(adapter.Targets is null ? "all-linear" : string.Join(',', adapter.Targets))}")));
        if (adapted is not null)
            AppendModel(hash, adapted);
        var length = ropeLength ?? recipe.RopeLength;
        if (length > 0)
            hash.AppendData(Encoding.UTF8.GetBytes($" rope {length}"));
        Append<ulong>(hash, [seed, (ulong)samples.Count]);
        foreach (var sample in samples)
        {
            Append<int>(hash, [sample.TileCount]);
            Append<float>(hash, [sample.Temperature]);
            Append<int>(hash, sample.InputIds);
            Append<bool>(hash, sample.LossMask);
            Append<float>(hash, sample.TokenWeights);
            Append<float>(hash, sample.BehaviorLogProbabilities);
            Append<float>(hash, sample.ReferenceLogProbabilities);
            Append<float>(hash, sample.PixelValues);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset()[..16]);
    }

    /// <summary>Evenly spaced blocks of the parameters, without those of the adapter, which a run changes.</summary>
    private static void AppendModel(IncrementalHash hash, ParameterSet parameters)
    {
        var length = parameters.Layout.RangeOf(ParameterGroup.Adapter).Offset;
        var block = new float[Math.Min(BlockElements, length)];
        for (var i = 0; i < Blocks; i++)
        {
            var offset = (long)((Int128)(length - block.Length) * i / (Blocks - 1));
            parameters.Backend.DownloadFloats(block, parameters.Values.ColumnRange(offset, block.Length));
            Append<float>(hash, block);
        }
    }

    /// <summary>Every value of the recipe that a number of the run depends on, written alike in every culture.</summary>
    private static string Describe(Recipe recipe) => string.Create(CultureInfo.InvariantCulture,
        $"{recipe.Ratio} {recipe.Behavior} {recipe.ClipLow} {recipe.ClipHigh} {recipe.Normalization} {recipe.Divergence} {recipe.DivergenceCoefficient} {recipe.Reference} "
        + $"{recipe.Optimizer.Beta1} {recipe.Optimizer.Beta2} {recipe.Optimizer.Epsilon} {recipe.Optimizer.WeightDecay} {recipe.Optimizer.GradientClip} {recipe.LearningRate} "
        + $"{recipe.Schedule.Shape} {recipe.Schedule.WarmupSteps} {recipe.Schedule.FinalFraction} {recipe.Steps} {recipe.Epochs} {recipe.BatchSequences} {recipe.BatchTokens} "
        + $"{recipe.MicroBatchTokens} {recipe.MaximumSequenceTokens} {string.Join(',', recipe.Freeze)} {recipe.CheckpointEvery} {recipe.Shuffle} {recipe.SaveBFloat16}");

    /// <summary>Each list with its length, so that no two lists in a row can be taken for two others.</summary>
    private static void Append<T>(IncrementalHash hash, ReadOnlySpan<T> values) where T : unmanaged
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        MemoryMarshal.Write(length, values.Length);
        hash.AppendData(length);
        hash.AppendData(MemoryMarshal.AsBytes(values));
    }
}
