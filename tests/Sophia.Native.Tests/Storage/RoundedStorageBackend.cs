using System.Runtime.InteropServices;
using Sophia.Native.Objectives;
using Sophia.Native.Rewards;

namespace Sophia.Native.Tests.Storage;

/// <summary>
/// A backend that stores BFloat16 and computes as the CPU does in Float32: what is stored is widened before a call and rounded after it. It is far too slow for use; it shows that the conformance
/// table can be passed in BFloat16 by correct operations, and runs models, training and commands in BFloat16 where no other backend does.
/// </summary>
internal sealed partial class RoundedStorageBackend(Backend inner) : Backend
{
    private readonly Backend _inner = inner;
    private readonly List<DeviceBuffer?> _scratch = [];

    public override string Name => "rounded";

    public override string Description => $"rounded storage over {_inner.Description}";

    public override bool Supports(ElementType storage) => storage is ElementType.Float32 or ElementType.BFloat16;

    public override DeviceBuffer Allocate(long bytes) => _inner.Allocate(bytes);

    public override void Synchronize() => _inner.Synchronize();

    public override void Dispose()
    {
        foreach (var buffer in _scratch)
            buffer?.Dispose();
        _inner.Dispose();
    }

    protected override void UploadCore(DeviceView destination, ReadOnlySpan<byte> source) => _inner.Upload(Pairs(destination, source.Length), MemoryMarshal.Cast<byte, ushort>(source));

    protected override void DownloadCore(Span<byte> destination, DeviceView source) => _inner.Download(MemoryMarshal.Cast<byte, ushort>(destination), Pairs(source, destination.Length));

    /// <summary>A contiguous view of any type as pairs of bytes.</summary>
    private static DeviceView Pairs(DeviceView view, int bytes) => new(view.Buffer, view.ByteOffset, 1, bytes / 2, bytes / 2, ElementType.BFloat16);

    /// <summary>The Float32 twins of the stored arguments of one call; what was written goes back, rounded to nearest, when it ends.</summary>
    private ref struct Twins(RoundedStorageBackend backend)
    {
        private readonly List<(DeviceView Stored, DeviceView Twin)> _written = [];
        private int _slot;

        public DeviceView Read(DeviceView stored) => stored.Type == ElementType.BFloat16 ? Widen(stored) : stored;

        public DeviceView Write(DeviceView stored)
        {
            if (stored.Type != ElementType.BFloat16)
                return stored;
            var twin = Empty(stored);
            _written.Add((stored, twin));
            return twin;
        }

        public DeviceView Update(DeviceView stored)
        {
            if (stored.Type != ElementType.BFloat16)
                return stored;
            var twin = Widen(stored);
            _written.Add((stored, twin));
            return twin;
        }

        public DeviceView Widen(DeviceView stored)
        {
            var twin = Empty(stored);
            backend.Convert(twin, stored);
            return twin;
        }

        public readonly void Dispose()
        {
            foreach (var (stored, twin) in _written)
                backend.Convert(stored, twin);
        }

        private DeviceView Empty(DeviceView stored)
        {
            while (backend._scratch.Count <= _slot)
                backend._scratch.Add(null);
            var bytes = Math.Max(4, 4 * stored.Length);
            if (backend._scratch[_slot] is not { } buffer || buffer.Bytes < bytes)
            {
                backend._scratch[_slot]?.Dispose();
                backend._scratch[_slot] = buffer = backend._inner.Allocate(bytes);
            }
            _slot++;
            return new(buffer, 0, stored.Rows, stored.Columns, stored.Columns, ElementType.Float32);
        }
    }

    private Twins Begin() => new(this);

    private void Convert(DeviceView destination, DeviceView source)
    {
        var (single, brain) = (new float[source.Columns], new BFloat16[source.Columns]);
        for (var row = 0L; row < source.Rows; row++)
        {
            var (to, from) = (destination.RowRange(row, 1), source.RowRange(row, 1));
            if (source.Type == ElementType.BFloat16)
            {
                _inner.Download<BFloat16>(brain, from);
                for (var c = 0; c < single.Length; c++)
                    single[c] = brain[c];
                _inner.Upload<float>(to, single);
            }
            else
            {
                _inner.Download<float>(single, from);
                for (var c = 0; c < single.Length; c++)
                    brain[c] = (BFloat16)single[c];
                _inner.Upload<BFloat16>(to, brain);
            }
        }
    }

    /// <summary>Rounds what AdamW left in a Float32 twin as the contract says.</summary>
    private void RoundStochastically(DeviceView stored, DeviceView twin, int word, in AdamWStep step)
    {
        if (stored.Type != ElementType.BFloat16)
            return;
        var (single, brain) = (new float[twin.Length], new BFloat16[twin.Length]);
        _inner.Download<float>(single, twin);
        for (var i = 0; i < single.Length; i++)
        {
            var bits = StochasticRounding.Bits(i, step.Step, step.Seed);
            brain[i] = StochasticRounding.Round(single[i], word switch { 0 => bits.Parameter, 1 => bits.FirstMoment, _ => bits.SecondMoment });
        }
        _inner.Upload<BFloat16>(stored, brain);
    }

    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
    {
        var state = new float[GradientStateLength];
        _inner.Download<float>(state, gradientState);
        if (state[2] == 0f)
            return;
        var twins = Begin();
        var (p, m, v) = (twins.Read(parameters), twins.Read(firstMoments), twins.Read(secondMoments));
        _inner.AdamW(p, m, v, gradients, gradientState, step);
        RoundStochastically(parameters, p, 0, step);
        RoundStochastically(firstMoments, m, 1, step);
        RoundStochastically(secondMoments, v, 2, step);
        if (!workingCopy.IsAbsent)
            Convert(workingCopy.Reshape(p.Rows, p.Columns), p);
    }

    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm) => _inner.GradientNorm(state, gradients, maximumNorm);

    protected override void FillCore(DeviceView view, float value) => _inner.Fill(view, value);

    protected override void CopyCore(DeviceView destination, DeviceView source)
    {
        if (destination.Type == source.Type)
            _inner.Copy(destination, source);
        else
            Convert(destination, source);
    }

    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards) => _inner.PropagateRewards(captionRewards, outcomeRewards);

    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options) =>
        _inner.SelectTrajectories(rewards, captionRewards, outcomeRewards, lengths, options);

    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options) =>
        _inner.SampleTokens(tokens, logProbabilities, logits, samples, positions, options);

    protected override void SequenceLogRatiosCore(DeviceView sequenceLogRatios, DeviceView logProbabilities, DeviceView behaviorLogProbabilities, DeviceView normalizers, DeviceView offsets) =>
        _inner.SequenceLogRatios(sequenceLogRatios, logProbabilities, behaviorLogProbabilities, normalizers, offsets);

    protected override void ObjectiveStatisticsCore(DeviceView metrics, in ObjectiveResults results, in ObjectiveInputs inputs, in ObjectiveOptions options) => _inner.ObjectiveStatistics(metrics, results, inputs, options);

    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth) => _inner.PositionInterpolationBackward(dPositions, dOutput, gridHeight, gridWidth);
}
