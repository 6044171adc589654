namespace Sophia.Native.Tests.Cli;

/// <summary>Command lines that are used wrongly: exit code 2, one line that names the option, nothing written.</summary>
public sealed class UsageTests(SmallWorld world) : IClassFixture<SmallWorld>, IDisposable
{
    private static readonly string[] Verbs =
        ["quickstart", "doctor", "inspect", "init", "score", "generate", "caption", "reason", "reward", "rollout", "train", "merge", "eval", "tokenize", "tiles", "verify"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_verb_has_help()
    {
        var root = await CommandLine.Succeed("--help");
        foreach (var verb in Verbs)
        {
            Assert.Contains($"  {verb} ", root.Out);
            var help = await CommandLine.Succeed(verb, "--help");
            Assert.Contains($"sophia {verb} [options]", help.Out.Replace("Sophia.Native.Tests", "sophia"));
            foreach (var shared in (string[])["--backend", "--precision", "--threads", "--seed", "--log-level", "--json"])
                Assert.Contains(shared, help.Out);
        }
    }

    /// <summary>The options that are promised to stay.</summary>
    [Theory]
    [InlineData("quickstart", "--out --arms --seeds --update-steps")]
    [InlineData("doctor", "--compile")]
    [InlineData("inspect", "--model")]
    [InlineData("init", "--config --tokenizer --out")]
    [InlineData("score", "--model --adapter --data --out --temperature")]
    [InlineData("generate", "--model --adapter --prompt --image --data --out --max-new-tokens --temperature --top-k --top-p --min-p --repetition-penalty --rope-length")]
    [InlineData("caption", "--model --adapter --data --out --captions --repetition-penalty --rope-length")]
    [InlineData("reason", "--store --reasoner --endpoint --reasoner-model --reasoner-adapter --answers")]
    [InlineData("reward", "--store --alpha --keep --select --out")]
    [InlineData("rollout", "--status --shard --store --model --adapter --data --out --captions --reasoner --endpoint --reasoner-model --reasoner-adapter --answers --alpha --keep --select")]
    [InlineData("train", "--model --adapter --data --recipe --out --resume")]
    [InlineData("merge", "--model --adapter --out --save-dtype")]
    [InlineData("eval", "--model --adapter --data --samples --out")]
    [InlineData("tokenize", "--tokenizer --text --data --out --decode")]
    [InlineData("tiles", "--image --max-tiles --out")]
    [InlineData("verify", "--gold --answer --data --out")]
    public async Task A_verb_has_its_promised_options(string verb, string options)
    {
        var help = await CommandLine.Succeed(verb, "--help");
        foreach (var option in options.Split(' '))
            Assert.Contains($"  {option} ", help.Out);
    }

    [Fact]
    public async Task The_version_is_told()
    {
        var result = await CommandLine.Succeed("--version");
        Assert.Matches(@"^\d+\.\d+\.\d+", result.Out);
    }

    [Theory]
    [InlineData("", "expected a verb")]
    [InlineData("train-all", "expected a verb, found 'train-all'")]
    [InlineData("score --modell x", "score: expected its options, found '--modell'")]
    [InlineData("score", "--model and --data are required")]
    [InlineData("score --data D", "--model is required")]
    [InlineData("doctor --threads many", "--threads: expected a whole number, found 'many'")]
    [InlineData("doctor --threads -1", "--threads: expected 0 to 4096, found -1")]
    [InlineData("doctor --seed 1.5", "--seed: expected a whole number, found '1.5'")]
    [InlineData("doctor --seed -3", "--seed: expected 0 or more, found -3")]
    [InlineData("doctor --seed 1 --seed 2", "--seed: expected one value, found 2")]
    [InlineData("doctor --precision fp8", "--precision: expected|fp32|found 'fp8'")]
    [InlineData("doctor --log-level loud", "--log-level: expected quiet, info, debug, found 'loud'")]
    [InlineData("doctor --backend", "--backend: expected a value, found none")]
    [InlineData("score --model M --data D --temperature 0", "--temperature: expected a positive number, found 0")]
    [InlineData("score --model M --data D --temperature hot", "--temperature: expected a number, found 'hot'")]
    [InlineData("merge --model M --out O", "--adapter is required")]
    [InlineData("merge --model M --adapter A --out O --save-dtype fp16", "--save-dtype: expected|fp32|found 'fp16'")]
    [InlineData("generate --model M", "either --prompt or --data")]
    [InlineData("generate --model M --prompt a --data D", "either --prompt or --data")]
    [InlineData("generate --model M --data D --top-p 0", "--top-p: expected more than 0")]
    [InlineData("generate --model M --data D --top-k -1", "--top-k: expected 0 or more, found -1")]
    [InlineData("generate --model M --data D --min-p 1", "--min-p: expected|found 1")]
    [InlineData("generate --model M --data D --temperature NaN", "--temperature: expected 0 or more, found NaN")]
    [InlineData("generate --model M --data D --max-new-tokens 0", "--max-new-tokens: expected 1 to|found 0")]
    [InlineData("generate --model M --data D --max-new-tokens 2147483647", "--max-new-tokens: expected 1 to|found 2147483647")]
    [InlineData("generate --model M --data D --image I", "--image belongs to --prompt")]
    [InlineData("caption --model M --data D --out O --captions 0", "--captions: expected 1 to 1024, found 0")]
    [InlineData("caption --model M --data D --out O --shard 3/2", "--shard: expected i/n|found '3/2'")]
    [InlineData("caption --model M --data D --out O --seed 4294967296", "--seed: expected at most 4294967295")]
    [InlineData("reason --store O", "--reasoner is required")]
    [InlineData("reason --store O --reasoner oracle", "--reasoner: expected|embedded|found 'oracle'")]
    [InlineData("reason --store O --reasoner replay", "--replay FILE.jsonl")]
    [InlineData("reason --store O --reasoner http", "--endpoint URL")]
    [InlineData("reason --store O --reasoner http --endpoint ftp://x --reasoner-model m", "--endpoint: expected an http or https address")]
    [InlineData("reason --store O --reasoner http --endpoint http://name:secret@x/ --reasoner-model m", "--endpoint: expected|SOPHIA_REASONER_API_KEY")]
    [InlineData("reason --store O --reasoner embedded --answers 0", "--answers: expected 1 to 1024, found 0")]
    [InlineData("reason --store O --reasoner embedded --concurrency 0", "--concurrency: expected 1 to 4096, found 0")]
    [InlineData("reward --store O --alpha 1.5", "--alpha: expected 0 to 1, found 1.5")]
    [InlineData("reward --store O --keep 0", "--keep: expected 1 to 1024, found 0")]
    [InlineData("reward --store O --select longest", "--select: expected|shortest|found 'longest'")]
    [InlineData("rollout --store O", "--model, --data, --store, --reasoner and --out")]
    [InlineData("rollout --store O --model M --data D --out T", "--reasoner: expected")]
    [InlineData("eval --model M --data D --samples 0", "--samples: expected 1 to 1024, found 0")]
    [InlineData("eval --model M --data D --samples 4", "--samples 4|--temperature")]
    [InlineData("tokenize --tokenizer M", "either --text or --data")]
    [InlineData("tokenize --tokenizer M --decode --text 12x", "token ids|found '12x'")]
    [InlineData("tiles --image I --out O --max-tiles 0", "--max-tiles: expected 1 to 1024, found 0")]
    [InlineData("verify --gold 1", "either --gold and --answer, or --data")]
    [InlineData("inspect --model M --tokens 0", "--tokens of at least 1")]
    [InlineData("quickstart --out O --arms base,best", "--arms: expected|found 'best'")]
    [InlineData("quickstart --out O --arms full,keep-3", "--arms: expected base, full, random, no-caption-reward, no-shortest, keep-2, caption-as-data, token-ratio or all|found 'keep-3'")]
    [InlineData("quickstart --out O --seeds 0", "--seeds: expected 1 to 1000, found 0")]
    [InlineData("quickstart --out O --update-steps 0", "--update-steps: expected 1 to 100000, found 0")]
    public async Task A_wrong_command_line_is_refused_with_the_option_and_what_was_expected(string line, string parts)
    {
        var arguments = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = arguments[i] switch
            {
                "M" => world.Model,
                "D" => world.Questions,
                "I" => world.Image,
                "O" => _folder.File("out"),
                "T" => _folder.File("trajectories.jsonl"),
                var other => other,
            };
        }
        await CommandLine.Refuse(2, _folder.Path, parts.Split('|'), arguments);
    }
}
