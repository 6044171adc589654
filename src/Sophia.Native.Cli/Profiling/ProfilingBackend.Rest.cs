using System.Diagnostics;
using Sophia.Native.Objectives;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cli.Profiling;

/// <summary>Vision rearrangements, rewards, optimizer and sampling: bound by bytes.</summary>
internal sealed partial class ProfilingBackend
{
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.GradientNorm(state, gradients, maximumNorm);
        var end = Wait();
        End("GradientNorm", begin, end, 0, OperationBytes.Of(state, gradients));
    }

    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.AdamW(parameters, firstMoments, secondMoments, gradients, gradientState, in step, workingCopy);
        var end = Wait();
        End("AdamW", begin, end, 0, OperationBytes.Of(parameters, firstMoments, secondMoments, gradients, gradientState, workingCopy));
    }

    protected override void FillCore(DeviceView view, float value)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.Fill(view, value);
        var end = Wait();
        End("Fill", begin, end, 0, OperationBytes.Of(view));
    }

    protected override void CopyCore(DeviceView destination, DeviceView source)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.Copy(destination, source);
        var end = Wait();
        End("Copy", begin, end, 0, OperationBytes.Of(destination, source));
    }

    protected override void PositionInterpolationForwardCore(DeviceView output, DeviceView positions, int gridHeight, int gridWidth)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PositionInterpolationForward(output, positions, gridHeight, gridWidth);
        var end = Wait();
        End("PositionInterpolationForward", begin, end, 0, OperationBytes.Of(output, positions));
    }

    protected override void PositionInterpolationBackwardCore(DeviceView dPositions, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PositionInterpolationBackward(dPositions, dOutput, gridHeight, gridWidth);
        var end = Wait();
        End("PositionInterpolationBackward", begin, end, 0, OperationBytes.Of(dPositions, dOutput));
    }

    protected override void PropagateRewardsCore(DeviceView captionRewards, DeviceView outcomeRewards)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PropagateRewards(captionRewards, outcomeRewards);
        var end = Wait();
        End("PropagateRewards", begin, end, 0, OperationBytes.Of(captionRewards, outcomeRewards));
    }

    protected override void SelectTrajectoriesCore(DeviceView rewards, DeviceView captionRewards, DeviceView outcomeRewards, DeviceView lengths, in SelectionOptions options)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.SelectTrajectories(rewards, captionRewards, outcomeRewards, lengths, in options);
        var end = Wait();
        End("SelectTrajectories", begin, end, 0, OperationBytes.Of(rewards, captionRewards, outcomeRewards, lengths));
    }

    protected override void SampleTokensCore(DeviceView tokens, DeviceView logProbabilities, DeviceView logits, DeviceView samples, DeviceView positions, in SamplingOptions options)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.SampleTokens(tokens, logProbabilities, logits, samples, positions, in options);
        var end = Wait();
        End("SampleTokens", begin, end, 0, OperationBytes.Of(tokens, logProbabilities, logits, samples, positions));
    }

    protected override void PatchExtractCore(DeviceView patches, DeviceView pixels, int height, int width, int patchSize)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PatchExtract(patches, pixels, height, width, patchSize);
        var end = Wait();
        End("PatchExtract", begin, end, 0, OperationBytes.Of(patches, pixels));
    }

    protected override void VisionTokensForwardCore(DeviceView output, DeviceView patches, DeviceView classToken, DeviceView positions)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.VisionTokensForward(output, patches, classToken, positions);
        var end = Wait();
        End("VisionTokensForward", begin, end, 0, OperationBytes.Of(output, patches, classToken, positions));
    }

    protected override void VisionTokensBackwardCore(DeviceView dPatches, DeviceView dClassToken, DeviceView dPositions, DeviceView dOutput, int patchCount)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.VisionTokensBackward(dPatches, dClassToken, dPositions, dOutput, patchCount);
        var end = Wait();
        End("VisionTokensBackward", begin, end, 0, OperationBytes.Of(dPatches, dClassToken, dPositions, dOutput));
    }

    protected override void PixelShuffleForwardCore(DeviceView output, DeviceView input, int gridHeight, int gridWidth)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PixelShuffleForward(output, input, gridHeight, gridWidth);
        var end = Wait();
        End("PixelShuffleForward", begin, end, 0, OperationBytes.Of(output, input));
    }

    protected override void PixelShuffleBackwardCore(DeviceView dInput, DeviceView dOutput, int gridHeight, int gridWidth)
    {
        var begin = Stopwatch.GetTimestamp();
        _inner.PixelShuffleBackward(dInput, dOutput, gridHeight, gridWidth);
        var end = Wait();
        End("PixelShuffleBackward", begin, end, 0, OperationBytes.Of(dInput, dOutput));
    }
}
