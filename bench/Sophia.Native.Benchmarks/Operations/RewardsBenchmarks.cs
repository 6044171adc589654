using BenchmarkDotNet.Attributes;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Bound by nothing that matters: a few hundred numbers a pair. K = 8 captions of N = 8 answers.</summary>
public class RewardsBenchmarks : OperationBenchmarks
{
    private const int Captions = 8;
    private const int Answers = 8;

    private DeviceView _rewards, _captionRewards, _outcomeRewards, _lengths;

    [Params(1, 1024)]
    public int Pairs { get; set; }

    protected override void Prepare()
    {
        (_rewards, _captionRewards, _outcomeRewards) = (Matrix(Pairs, Captions * Answers), Matrix(Pairs, Captions), Matrix(Pairs, Captions * Answers));
        _lengths = RandomIntegers(Pairs * Captions * Answers, 2048).Reshape(Pairs, Captions * Answers);
        Backend.Fill(_outcomeRewards, 1f);
    }

    [Benchmark]
    public void PropagateRewards()
    {
        Backend.PropagateRewards(_captionRewards, _outcomeRewards);
        Backend.Synchronize();
    }

    [Benchmark]
    public void SelectTrajectories()
    {
        Backend.SelectTrajectories(_rewards, _captionRewards, _outcomeRewards, _lengths, new SelectionOptions { Captions = Captions, Answers = Answers, Alpha = -1f });
        Backend.Synchronize();
    }
}
