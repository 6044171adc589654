using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Models;

/// <summary>One step of decoding with the decoder of <see cref="SyntheticModel.Medium"/>: a token for each of B sequences, sampled at temperature 1, behind a prompt of 64. Bound by the bytes of the weights.</summary>
/// <remarks>
/// Now and then the column of allocated memory shows about 100 B. They are not the step's: before it counts, BenchmarkDotNet collects the garbage of the iteration before, and what the runtime's finalizer thread
/// then does falls into the first step (some 1 to 3 kB in all; none without that collection, and none where the finalizers are waited for after it). The table <c>-- allocations</c> counts without a collection.
/// </remarks>
[MemoryDiagnoser]
[InvocationCount(Steps, 1)]
public class DecodingBenchmarks
{
    private const int Steps = 32;
    private const int PromptTokens = 64;

    private Backend _backend = null!;
    private SyntheticModel _model = null!;
    private SteppedDecoding _decoding = null!;

    /// <summary>B, sequences decoded at once.</summary>
    [Params(1, 16)]
    public int Sequences { get; set; }

    [GlobalSetup]
    public void Open()
    {
        _backend = Backend.Open("cpu");
        _model = SyntheticModel.MediumText(_backend, Sequences, PromptTokens + Steps + 4);
    }

    [GlobalCleanup]
    public void Close()
    {
        _model.Dispose();
        _backend.Dispose();
    }

    /// <summary>Every iteration decodes the same tokens, over as long a cache.</summary>
    [IterationSetup]
    public void Prefill()
    {
        _decoding = new(_model, Sequences, PromptTokens, Steps + 1);
        _decoding.Step();
    }

    [IterationCleanup]
    public void End() => _decoding.Dispose();

    [Benchmark]
    public void Step() => _decoding.Step();
}
