using System.CommandLine;
using System.Globalization;

namespace Sophia.Native.Cli;

/// <summary>The options of sampling, the same for every verb that generates.</summary>
internal sealed class SamplingFlags
{
    private const int MostNewTokens = 1 << 20;

    private readonly Option<float> _temperature;
    private readonly Option<int> _topK = new("--top-k") { Description = "only the k most probable tokens; 0 for all" };
    private readonly Option<float> _topP = new("--top-p") { Description = "only the most probable tokens up to this share", DefaultValueFactory = _ => 1f };
    private readonly Option<float> _minP = new("--min-p") { Description = "only tokens at least this share as probable as the best" };
    private readonly Option<float> _repetition = new("--repetition-penalty") { Description = "divides the positive and multiplies the other logits of tokens that occurred, prompt included; 1 for none", DefaultValueFactory = _ => 1f };
    private readonly Option<int> _maximum;

    public SamplingFlags(Command command, float temperature, int maximumNewTokens)
    {
        _temperature = new("--temperature") { Description = "divides the logits; 0 is greedy", DefaultValueFactory = _ => temperature };
        _maximum = new("--max-new-tokens") { Description = "most tokens to generate", DefaultValueFactory = _ => maximumNewTokens };
        foreach (var option in (Option[])[_maximum, _temperature, _topK, _topP, _minP, _repetition])
            command.Options.Add(option);
    }

    /// <summary>Refuses values out of range, before there is any work.</summary>
    public void Check(ParseResult parsed)
    {
        MaximumNewTokens(parsed);
        Options(parsed);
        RepetitionPenalty(parsed);
    }

    public float RepetitionPenalty(ParseResult parsed)
    {
        var penalty = parsed.GetValue(_repetition);
        Require(float.IsFinite(penalty) && penalty > 0, "--repetition-penalty", "more than 0", penalty);
        return penalty;
    }

    public int MaximumNewTokens(ParseResult parsed) => parsed.GetValue(_maximum) is > 0 and <= MostNewTokens and var maximum ? maximum
        : throw new UsageException($"--max-new-tokens: expected 1 to {MostNewTokens}, found {parsed.GetValue(_maximum)}.");

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
        Require(float.IsFinite(options.Temperature) && options.Temperature >= 0, "--temperature", "0 or more", options.Temperature);
        Require(options.TopK >= 0, "--top-k", "0 or more", options.TopK);
        Require(options.TopP is > 0 and <= 1, "--top-p", "more than 0 and at most 1", options.TopP);
        Require(options.MinP is >= 0 and < 1, "--min-p", "0 or more and less than 1", options.MinP);
        return options;
    }

    private static void Require(bool holds, string option, string expected, float found)
    {
        if (!holds)
            throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option}: expected {expected}, found {found}."));
    }
}
