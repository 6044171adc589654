using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by operations: a Philox word, two logarithms and an exponential for each of B*V logits; the vocabulary of Qwen2.</summary>
public class SamplingBenchmarks : OperationBenchmarks
{
    private const int Vocabulary = 151_674;

    private DeviceView _tokens, _logProbabilities, _logits, _samples, _positions;

    [Params(1, 16)]
    public int B { get; set; }

    protected override void Prepare() =>
        (_tokens, _logProbabilities, _logits, _samples, _positions) = (Integers(B, _ => 0), Vector(B), Matrix(B, Vocabulary), Integers(B, b => b), Integers(B, _ => 7));

    [Benchmark]
    public void SampleTokens()
    {
        Backend.SampleTokens(_tokens, _logProbabilities, _logits, _samples, _positions, new SamplingOptions());
        Backend.Synchronize();
    }

    [Benchmark]
    public void SampleTokensGreedy()
    {
        Backend.SampleTokens(_tokens, _logProbabilities, _logits, _samples, _positions, new SamplingOptions { Temperature = 0f });
        Backend.Synchronize();
    }

    [Benchmark]
    public void SampleTokensTopP()
    {
        Backend.SampleTokens(_tokens, _logProbabilities, _logits, _samples, _positions, new SamplingOptions { TopP = 0.9f });
        Backend.Synchronize();
    }
}
