using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary>The progress of the stages of a round, a line for each stage.</summary>
internal sealed class StageProgress(CommandOutput output) : IProgress<RolloutProgress>
{
    private string _stage = "";
    private ProgressLine? _line;

    public void Report(RolloutProgress value)
    {
        if (value.Stage != _stage || _line is null)
            (_stage, _line) = (value.Stage, new(output, value.Stage + ":", value.Total));
        _line.Report(value.Done);
    }
}
