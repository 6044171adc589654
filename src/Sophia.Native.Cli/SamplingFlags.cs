using System.CommandLine;

namespace Sophia.Native.Cli;

/// <summary>The options of sampling, the same for every verb that generates.</summary>
internal sealed class SamplingFlags
{
    private readonly Option<float> _temperature;
    private readonly Option<int> _topK = new("--top-k") { Description = "only the k most probable tokens; 0 for all" };
    private readonly Option<float> _topP = new("--top-p") { Description = "only the most probable tokens up to this share", DefaultValueFactory = _ => 1f };
    private readonly Option<float> _minP = new("--min-p") { Description = "only tokens at least this share as probable as the best" };
    private readonly Option<int> _maximum;

    public SamplingFlags(Command command, float temperature, int maximumNewTokens)
    {
        _temperature = new("--temperature") { Description = "divides the logits; 0 is greedy", DefaultValueFactory = _ => temperature };
        _maximum = new("--max-new-tokens") { Description = "most tokens to generate", DefaultValueFactory = _ => maximumNewTokens };
        foreach (var option in (Option[])[_maximum, _temperature, _topK, _topP, _minP])
            command.Options.Add(option);
    }

    public int MaximumNewTokens(ParseResult parsed) => parsed.GetValue(_maximum) is > 0 and var maximum ? maximum
        : throw new UsageException($"--max-new-tokens: expected at least 1, found {parsed.GetValue(_maximum)}.");

    public SamplingOptions Options(ParseResult parsed)
    {
        var options = new SamplingOptions
        {
            Temperature = parsed.GetValue(_temperature),
            TopK = parsed.GetValue(_topK),
            TopP = parsed.GetValue(_topP),
            MinP = parsed.GetValue(_minP),
            Seed = SharedOptions.SeedOf(parsed),
        };
        if (!(options.Temperature >= 0) || options.TopK < 0 || options.TopP is not (> 0 and <= 1) || options.MinP is not (>= 0 and < 1))
            throw new UsageException($"Expected --temperature >= 0, --top-k >= 0, --top-p in (0, 1] and --min-p in [0, 1), found {options.Temperature}, {options.TopK}, {options.TopP}, {options.MinP}.");
        return options;
    }
}
