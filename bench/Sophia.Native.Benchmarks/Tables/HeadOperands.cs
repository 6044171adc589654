using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>Operands of the head: every token is trained, and the log-probabilities of the behavior policy are near those of a uniform prediction, as the random weights' are.</summary>
internal sealed class HeadOperands
{
    private const int MostChunkRows = 1024;

    private readonly int _tokens;
    private readonly TextConfig _text;

    public HeadOperands(DeviceOperands make, int tokens, TextConfig text)
    {
        (_tokens, _text) = (tokens, text);
        (Hidden, Weight) = (make.Matrix(tokens, text.HiddenSize), make.Matrix(text.VocabularySize, text.HiddenSize));
        Workspace = make.Floats(Math.Min(tokens, MostChunkRows), text.VocabularySize);
        var uniform = -MathF.Log(text.VocabularySize);
        float[] behavior = new float[tokens], ones = new float[tokens];
        for (var n = 0; n < tokens; n++)
            (behavior[n], ones[n]) = (uniform + 0.001f * (n % 7), 1f / tokens);
        Inputs = new() { Targets = make.RandomIntegers(tokens, text.VocabularySize), Weights = make.Floats(tokens), Normalizers = make.Floats(ones), BehaviorLogProbabilities = make.Floats(behavior) };
        Results = new() { LogProbabilities = make.Floats(tokens), Entropies = make.Floats(tokens), Losses = make.Floats(tokens), Ratios = make.Floats(tokens) };
    }

    public DeviceView Hidden { get; }

    public DeviceView Weight { get; }

    public DeviceView Workspace { get; }

    public ObjectiveInputs Inputs { get; }

    public ObjectiveResults Results { get; }

    public string Shape => $"{_tokens} x {_text.HiddenSize} x {_text.VocabularySize}, chunks of {Workspace.Rows}";

    /// <summary>Multiply-adds of one product.</summary>
    public double Products => (double)_tokens * _text.HiddenSize * _text.VocabularySize;

    /// <summary>Hidden states and weight once.</summary>
    public double Bytes(int elementSize) => elementSize * ((double)_tokens + _text.VocabularySize) * _text.HiddenSize;
}
