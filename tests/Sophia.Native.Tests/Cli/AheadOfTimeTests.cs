using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Sophia.Native.Cpu;
using Sophia.Native.Tests.Training;

namespace Sophia.Native.Tests.Cli;

/// <summary>
/// The command-line tool compiled ahead of time, which SOPHIA_AOT names (<c>tests/aot.sh</c> builds it for this processor): it takes the path that it takes under the JIT, gives the reference's
/// results, and leaves every file with the bits that this process leaves.
/// </summary>
public sealed class AheadOfTimeTests(SmallWorld world) : GoldenCommands(ElementType.Float32), IClassFixture<SmallWorld>
{
    private const string Variable = "SOPHIA_AOT";

    [Fact]
    public async Task The_instruction_path_is_that_of_the_jit()
    {
        var native = (await Succeed("doctor", "--json")).Line();
        var managed = (await CommandLine.Succeed("doctor", "--json")).Line();
        Assert.True(native.GetProperty("ahead_of_time").GetBoolean());
        Assert.False(managed.GetProperty("ahead_of_time").GetBoolean());
        foreach (var name in (string[])["auto", "avx512", "avx2"])
            Assert.Equal(managed.GetProperty(name).ToString(), native.GetProperty(name).ToString());
        Assert.Equal(Avx512F.IsSupported, native.GetProperty("backends").GetProperty("cpu").GetProperty("description").GetString()!.Contains("AVX-512"));
    }

    [Fact]
    public async Task Scores_and_samples_have_the_bits_of_the_jit()
    {
        await SameFile("scores.jsonl", "score", "--model", Model, "--data", WriteSamples(), "--out");
        var prompts = TemporaryFile("prompts.jsonl", """{"id":"a","input_ids":[5,6,7,8]}""" + "\n" + """{"id":"b","input_ids":[9,10,11,12,13,14]}""" + "\n");
        await SameFile("samples.jsonl", "generate", "--model", Model, "--data", prompts, "--max-new-tokens", "12", "--temperature", "1", "--top-p", "0.9", "--seed", "7", "--out");
    }

    [Fact]
    public async Task The_portable_path_has_the_bits_of_the_jit_too()
    {
        var environment = new Dictionary<string, string> { [InstructionSetPath.EnvironmentVariable] = "portable" };
        string[] score = ["score", "--model", Model, "--data", WriteSamples(), "--out"];
        string managed = TemporaryPath("managed.jsonl"), native = TemporaryPath("native.jsonl");
        using var child = CommandProcess.Start(environment, [.. score, managed]);
        Assert.Equal(0, CommandProcess.Finish(child).ExitCode);
        Assert.Equal(0, (await Run([.. score, native], environment)).Code);
        Assert.Equal(File.ReadAllText(managed), File.ReadAllText(native));
    }

    [Fact]
    public async Task A_training_leaves_the_bits_of_the_jit()
    {
        var recipe = TemporaryFile("recipe.json", """{"steps": 3, "batch_sequences": 2, "freeze": [], "objective": {"ratio": "one"}}""");
        string[] train = ["train", "--model", Model, "--data", WriteSamples(), "--recipe", recipe, "--out"];
        string managed = TemporaryPath("managed"), native = TemporaryPath("native");
        await CommandLine.Succeed([.. train, managed]);
        await Succeed([.. train, native]);
        var checkpoint = Path.Combine("checkpoints", "step-00000003");
        var files = Directory.GetFiles(Path.Combine(managed, checkpoint)).Select(Path.GetFileName).ToArray();
        Assert.Contains("model.safetensors", files);
        foreach (var file in files)
            Assert.True(File.ReadAllBytes(Path.Combine(managed, checkpoint, file!)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(native, checkpoint, file!))), $"{file} differs.");
    }

    /// <summary>Images, tokenizer, sampling, a reasoner, rewards: what a round writes, by both.</summary>
    [Fact]
    public async Task A_round_writes_the_trajectories_of_the_jit()
    {
        await SameFile("ids.jsonl", "tokenize", "--tokenizer", world.Tokenizer, "--text", "An unmistakable question?", "--out");
        string[] rollout = ["rollout", "--model", world.Model, "--data", world.Questions, "--captions", "2", "--answers", "2", "--max-new-tokens", "4", "--reasoner", "model", "--reasoner-model", world.Model,
            "--max-answer-tokens", "4", "--store"];
        string managed = TemporaryPath("managed-store"), native = TemporaryPath("native-store");
        await CommandLine.Succeed([.. rollout, managed, "--out", TemporaryPath("managed.jsonl")]);
        await Succeed([.. rollout, native, "--out", TemporaryPath("native.jsonl")]);
        Assert.Equal(File.ReadAllText(TemporaryPath("managed.jsonl")), File.ReadAllText(TemporaryPath("native.jsonl")));
    }

    /// <summary>The world, the tokenizer and the warm-up that the quickstart makes for itself. The rest of it takes a minute on each side; its operations are those of a training and of a round.</summary>
    [Fact]
    public async Task The_quickstart_begins_with_the_digits_of_the_jit()
    {
        using var native = Start(["quickstart", "--backend", "cpu", "--out", TemporaryPath("native")]);
        var digits = await UntilFirstLoss(native);
        using var managed = CommandProcess.Start("quickstart", "--backend", "cpu", "--out", TemporaryPath("managed"));
        Assert.Equal(await UntilFirstLoss(managed), digits);

        static async Task<string[]> UntilFirstLoss(Process quickstart)
        {
            var lines = new List<string>();
            try
            {
                while (await quickstart.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                {
                    var isLoss = line.Contains("step 50: loss ", StringComparison.Ordinal);
                    // The seconds stand last.
                    lines.Add(isLoss ? line[..line.LastIndexOf(',')] : line);
                    if (isLoss)
                        return [.. lines];
                }
            }
            finally
            {
                quickstart.Kill();
                await quickstart.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            Assert.Fail($"The quickstart ended before its first loss: {string.Join('\n', lines)}");
            return [];
        }
    }

    [Fact]
    public async Task A_mistake_is_told_in_the_words_of_the_jit()
    {
        string[] wrong = ["score", "--model", TemporaryPath("nothing"), "--data", "nowhere.jsonl"];
        var managed = await CommandLine.Run(wrong);
        var native = await Run(wrong);
        Assert.Equal(managed, native);
        Assert.NotEqual(0, native.Code);
    }

    /// <summary>Runs the binary.</summary>
    private protected override async Task<CommandResult> Succeed(params string[] arguments)
    {
        var result = await Run(arguments);
        Assert.True(result.Code == 0, $"The binary of {Variable} ended {string.Join(' ', arguments)} with {result.Code}: {result.Error}");
        return result;
    }

    private async Task SameFile(string name, params string[] arguments)
    {
        string managed = TemporaryPath("managed-" + name), native = TemporaryPath("native-" + name);
        await CommandLine.Succeed([.. arguments, managed]);
        await Succeed([.. arguments, native]);
        Assert.NotEqual("", File.ReadAllText(managed));
        Assert.Equal(File.ReadAllText(managed), File.ReadAllText(native));
    }

    private static async Task<CommandResult> Run(string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(arguments, environment);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new(process.ExitCode, output, await error);
    }

    private static Process Start(string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var program = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(program), $"{Variable} names no binary; tests/aot.sh builds one.");
        ProcessStartInfo start = new(program!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }
}
