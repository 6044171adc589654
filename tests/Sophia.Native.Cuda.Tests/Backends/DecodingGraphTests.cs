using Sophia.Native.Conformance;
using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Backends;

/// <summary>
/// The operations of a decoding step can be captured as a graph: all that changes from token to token lies in device memory, and no launch waits, allocates or depends on the tokens.
/// </summary>
[Collection(Alone.Name)]
public sealed class DecodingGraphTests
{
    private const int Sequences = 3, Heads = 4, KeyHeads = 2, HeadSize = 64, Channels = Heads * HeadSize, Capacity = 40, Vocabulary = 97;

    [Theory]
    [InlineData(ElementType.Float32, 0f)]
    [InlineData(ElementType.BFloat16, 1f)]
    public void A_captured_decoding_step_gives_the_tokens_of_direct_calls(ElementType storage, float temperature)
    {
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
        using var backend = CudaBackend.Open(new() { CompilesAhead = false });
        var seed = Random.Shared.Next();
        var (directTokens, directProbabilities) = Decode(backend, storage, temperature, seed, isCaptured: false);
        var (tokens, probabilities) = Decode(backend, storage, temperature, seed, isCaptured: true);
        Assert.All(directProbabilities, probability => Assert.True(float.IsFinite(probability) && probability < 0));
        Assert.Equal(directTokens, tokens);
        Assert.Equal(directProbabilities, probabilities);
    }

    /// <summary>Some steps of a layer without feed-forward part, each fed with the tokens of the one before.</summary>
    private static (int[] Tokens, float[] LogProbabilities) Decode(CudaBackend backend, ElementType storage, float temperature, int seed, bool isCaptured)
    {
        const int steps = 6;
        var random = new CaseRandom(seed);
        using var scratch = new DeviceScratch(backend);
        var table = scratch.Matrix(Vocabulary, Channels, random.Uniform(Vocabulary * Channels), storage);
        // Weights of its own: with those of the table the token that was put in would win with probability one.
        var head = scratch.Matrix(Vocabulary, Channels, random.Uniform(Vocabulary * Channels, -0.3, 0.3), storage);
        var gain = scratch.Matrix(1, Channels, random.Uniform(Channels, 0.5, 1.5), storage);
        var project = scratch.Matrix(Channels + 2 * KeyHeads * HeadSize, Channels, random.Uniform((Channels + 2 * KeyHeads * HeadSize) * Channels, -0.1, 0.1), storage);
        var (hidden, normed, attended) = (scratch.Empty(Sequences, Channels, storage), scratch.Empty(Sequences, Channels, storage), scratch.Empty(Sequences, Channels, storage));
        var joined = scratch.Empty(Sequences, project.Rows, storage);
        var (query, key, value) = (joined.ColumnRange(0, Channels), joined.ColumnRange(Channels, KeyHeads * HeadSize), joined.ColumnRange(Channels + KeyHeads * HeadSize, KeyHeads * HeadSize));
        var (keyCache, valueCache) = (scratch.Matrix(Sequences * Capacity, KeyHeads * HeadSize, new double[Sequences * Capacity * KeyHeads * HeadSize], storage),
            scratch.Matrix(Sequences * Capacity, KeyHeads * HeadSize, new double[Sequences * Capacity * KeyHeads * HeadSize], storage));
        var logits = scratch.Empty(Sequences, Vocabulary);
        var (tokens, logProbabilities) = (scratch.Indices(1, 2, 3), scratch.Empty(1, Sequences));
        var (rows, lengths, positions) = (scratch.Indices(0, 0, 0), scratch.Indices(0, 0, 0), scratch.Indices(0, 0, 0));
        var (noVisual, samples, keyOffsets, queryOffsets) = (scratch.Indices(-1, -1, -1), scratch.Indices(7, 8, 9), scratch.Indices(0, Capacity, 2 * Capacity), scratch.Indices(0, 1, 2, 3));
        var sequences = new AttentionSequences { QueryOffsets = queryOffsets, KeyOffsets = keyOffsets, KeyLengths = lengths, MaximumQueries = 1, MaximumKeys = Capacity, Causal = true };
        var sampling = new SamplingOptions { Temperature = temperature, Seed = 5 };

        void Step()
        {
            backend.EmbeddingForward(hidden, table, tokens, default, noVisual);
            backend.RmsNormForward(normed, default, hidden, gain, 1e-6f);
            backend.LinearForward(joined, normed, project);
            backend.CacheAppend(keyCache, valueCache, key, value, rows);
            backend.AttentionForward(attended, default, query, keyCache, valueCache, sequences, HeadSize, 0.125f);
            backend.ResidualForward(hidden, hidden, attended, default);
            backend.LinearForward(logits, hidden, head);
            backend.SampleTokens(tokens, logProbabilities, logits, samples, positions, sampling);
        }

        // Kernels are compiled and workspaces grow at first use, which a capture does not allow.
        Describe(0);
        Step();
        backend.Upload<int>(tokens, [1, 2, 3]);
        using var graph = isCaptured ? new CapturedGraph(backend, Step) : null;
        var drawn = new List<int>();
        var probabilities = new List<float>();
        for (var step = 0; step < steps; step++)
        {
            Describe(step);
            if (graph is null)
                Step();
            else
                graph.Launch();
            drawn.AddRange(scratch.ReadIndices(tokens));
            probabilities.AddRange(scratch.Read(logProbabilities));
        }
        return ([.. drawn], [.. probabilities]);

        void Describe(int step)
        {
            int[] at = [2 * step, step + 5, step];
            // The first sequence grows by two keys a step: the row of the cache that is passed over holds zeros.
            backend.Upload<int>(rows, [at[0], Capacity + at[1], 2 * Capacity + at[2]]);
            backend.Upload<int>(lengths, [at[0] + 1, at[1] + 1, at[2] + 1]);
            backend.Upload<int>(positions, at);
        }
    }

    /// <summary>Work that is recorded once and launched many times.</summary>
    private sealed class CapturedGraph : IDisposable
    {
        private readonly CudaBackend _backend;
        private readonly ContextHandle _context;
        private readonly nint _graph;
        private readonly nint _executable;

        public CapturedGraph(CudaBackend backend, Action work)
        {
            _backend = backend;
            _context = ContextHandle.Primary(backend.Device.Handle);
            using var scope = _context.Enter();
            CudaError.Check(CudaDriver.cuStreamBeginCapture_v2(backend.Stream, CudaDriver.StreamCaptureRelaxed), $"cuStreamBeginCapture");
            work();
            CudaError.Check(CudaDriver.cuStreamEndCapture(backend.Stream, out _graph), $"cuStreamEndCapture");
            CudaError.Check(CudaDriver.cuGraphInstantiateWithFlags(out _executable, _graph, 0), $"cuGraphInstantiateWithFlags");
        }

        public void Launch()
        {
            using var scope = _context.Enter();
            CudaError.Check(CudaDriver.cuGraphLaunch(_executable, _backend.Stream), $"cuGraphLaunch");
        }

        public void Dispose()
        {
            using (_context.Enter())
            {
                CudaDriver.cuGraphExecDestroy(_executable);
                CudaDriver.cuGraphDestroy(_graph);
            }
            _context.Dispose();
        }
    }
}
