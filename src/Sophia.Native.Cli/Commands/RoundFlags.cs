using System.CommandLine;
using System.Globalization;
using Sophia.Native.Pipeline.Rollouts;
using Sophia.Native.Rewards;

namespace Sophia.Native.Cli.Commands;

/// <summary>The numbers of a round, shared by the verbs of its stages and by <c>sophia rollout</c>; each verb takes those it uses.</summary>
internal sealed class RoundFlags
{
    private const int MostOfOneQuestion = 1024;

    private readonly Option<int> _captions = new("--captions") { Description = "K, captions of an image", DefaultValueFactory = _ => 8 };
    private readonly Option<int> _answers = new("--answers") { Description = "N, answers to a caption", DefaultValueFactory = _ => 8 };
    private readonly Option<float> _alpha = new("--alpha") { Description = "a caption passes when its reward is greater", DefaultValueFactory = _ => 0.75f };
    private readonly Option<int> _keep = new("--keep") { Description = "trajectories kept of a pair", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _select = new("--select") { Description = "shortest; or without a part of the rule: no-caption-reward, no-shortest, random", DefaultValueFactory = _ => "shortest" };
    private readonly Option<string> _shard = new("--shard") { Description = "i/n: every n-th question from the i-th on", DefaultValueFactory = _ => "1/1" };

    /// <summary>Whether the verb takes --captions.</summary>
    public bool Captions { get; init; }

    /// <summary>Whether the verb takes --answers.</summary>
    public bool Answers { get; init; }

    /// <summary>Whether the verb takes --alpha, --keep and --select.</summary>
    public bool Selection { get; init; }

    public void AddTo(Command command)
    {
        _select.AcceptOnlyFromAmong("shortest", "no-caption-reward", "no-shortest", "random");
        if (Captions)
            command.Options.Add(_captions);
        if (Answers)
            command.Options.Add(_answers);
        if (Selection)
        {
            command.Options.Add(_alpha);
            command.Options.Add(_keep);
            command.Options.Add(_select);
        }
        command.Options.Add(_shard);
    }

    /// <summary>Whether the command line says K itself.</summary>
    public bool GivesCaptions(ParseResult parsed) => parsed.GetResult(_captions) is { Implicit: false };

    /// <summary>Whether the command line says N itself.</summary>
    public bool GivesAnswers(ParseResult parsed) => parsed.GetResult(_answers) is { Implicit: false };

    public RolloutOptions Options(ParseResult parsed)
    {
        var options = new RolloutOptions { Seed = SharedOptions.RoundSeedOf(parsed), Shard = ShardOf(parsed) };
        if (Captions)
            options = options with { Captions = Count(parsed, _captions) };
        if (Answers)
            options = options with { Answers = Count(parsed, _answers) };
        if (Selection)
            options = options with { Alpha = AlphaOf(parsed), Keep = Count(parsed, _keep), Mode = ModeOf(parsed.GetValue(_select)!) };
        return options;
    }

    private static int Count(ParseResult parsed, Option<int> option) => parsed.GetValue(option) is >= 1 and <= MostOfOneQuestion and var count ? count
        : throw new UsageException($"{option.Name}: expected 1 to {MostOfOneQuestion}, found {parsed.GetValue(option)}.");

    private float AlphaOf(ParseResult parsed) => parsed.GetValue(_alpha) is >= 0 and <= 1 and var alpha ? alpha
        : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--alpha: expected 0 to 1, found {parsed.GetValue(_alpha)}."));

    private Shard ShardOf(ParseResult parsed)
    {
        try
        {
            return Shard.Parse(parsed.GetValue(_shard)!);
        }
        catch (ArgumentException)
        {
            throw new UsageException($"--shard: expected i/n with i from 1 to n, such as 2/4, found '{parsed.GetValue(_shard)}'.");
        }
    }

    private static SelectionMode ModeOf(string name) => name switch
    {
        "no-caption-reward" => SelectionMode.NoCaptionReward,
        "no-shortest" => SelectionMode.NoShortest,
        "random" => SelectionMode.Random,
        _ => SelectionMode.Shortest,
    };
}
