using Sophia.Native.Models.Generation;

namespace Sophia.Native.Cli;

/// <summary>Counts completions that are finished while a generator draws tokens.</summary>
/// <param name="line">Where the count is shown.</param>
/// <param name="options">What ends a completion.</param>
internal sealed class GenerationProgress(ProgressLine line, GenerationOptions options)
{
    private readonly HashSet<int> _stops = [.. options.StopIds];
    private long _finished;
    private long _tokens;

    /// <summary>Begins; nothing is finished yet.</summary>
    public void Start() => line.Report(0);

    /// <summary>Watches a generator over its next requests.</summary>
    public void Watch(Generator generator, int requests)
    {
        var drawn = new int[requests];
        generator.TokenDrawn = (request, token, _) =>
        {
            _tokens++;
            drawn[request]++;
            if (_stops.Contains(token) || drawn[request] == options.MaximumNewTokens)
                line.Report(++_finished, $" ({_tokens} tokens)");
        };
    }

    /// <summary>Counts what ended at the model's last position too.</summary>
    public void Finish(long done)
    {
        _finished = done;
        line.Report(done, $" ({_tokens} tokens)");
    }
}
