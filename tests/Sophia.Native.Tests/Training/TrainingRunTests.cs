using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Training.Recipes;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Tests.Training;

public sealed class TrainingRunTests : IDisposable
{
    private static readonly Sample[] Samples = TinyModel.Samples(7);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_is_the_same_with_one_thread_and_with_two()
    {
        RunFolder.Execute(_folder.File("one"), RunFolder.Recipe, Samples);
        RunFolder.Execute(_folder.File("two"), RunFolder.Recipe, Samples, threads: 2);
        RunFolder.SameEnd(_folder.File("one"), _folder.File("two"));
    }

    /// <summary>Stochastic rounding is all that is drawn where nothing is shuffled.</summary>
    [Theory]
    [InlineData(ElementType.Float32, true)]
    [InlineData(ElementType.BFloat16, false)]
    public void The_seed_of_the_run_decides_how_moments_are_rounded(ElementType moments, bool areSame)
    {
        var recipe = RunFolder.Recipe with { Shuffle = false, Optimizer = new() { Moments = moments } };
        var first = RunFolder.Execute(_folder.File("first"), recipe, Samples, seed: 1);
        var second = RunFolder.Execute(_folder.File("second"), recipe, Samples, seed: 2);
        Assert.Equal(areSame, File.ReadAllBytes(Path.Combine(first, "model.safetensors")).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(second, "model.safetensors"))));
    }

    [Fact]
    public void Metrics_have_a_line_for_every_step_and_checkpoints_lie_where_the_recipe_wants_them()
    {
        var last = RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples);
        Assert.Equal(["step-00000002", "step-00000004", "step-00000006", "step-00000008", "step-00000010"],
            Directory.GetDirectories(RunFolder.Checkpoints(_folder.File("out"))).Select(Path.GetFileName).Order());
        Assert.EndsWith("step-00000010", last);
        var lines = RunFolder.Metrics(_folder.File("out"));
        Assert.Equal(10, lines.Length);
        for (var step = 1; step <= 10; step++)
            Assert.StartsWith($"{{\"step\":{step},\"loss\":", lines[step - 1]);
        using var tiny = new TinyModel([]);
        Assert.Equal(CheckpointLayout.HuggingFace, CheckpointReader.Read(last, tiny.Parameters.Layout, tiny.Parameters));
    }

    [Theory]
    [InlineData(false, ElementType.Float32, ElementType.Float32)]
    [InlineData(true, ElementType.Float32, ElementType.Float32)]
    [InlineData(false, ElementType.BFloat16, ElementType.Float32)]
    [InlineData(true, ElementType.BFloat16, ElementType.Float32)]
    [InlineData(false, ElementType.BFloat16, ElementType.BFloat16)]
    [InlineData(true, ElementType.BFloat16, ElementType.BFloat16)]
    public void An_interrupted_run_saves_where_it_is_and_goes_on_bitwise_with_the_log_probabilities_it_began_with(bool saveBFloat16, ElementType storage, ElementType moments)
    {
        var recipe = RunFolder.Recipe with
        {
            Ratio = Native.Objectives.ImportanceRatio.Token, Behavior = Native.Training.BehaviorSource.Snapshot, SaveBFloat16 = saveBFloat16, ClipLow = null, ClipHigh = null,
            Optimizer = new() { Moments = moments },
            // What is frozen is stored in BFloat16 alone.
            Freeze = storage == ElementType.BFloat16 ? [ParameterGroup.Projector] : [],
        };
        RunFolder.Execute(_folder.File("unbroken"), recipe, Samples, storage: storage);
        Assert.Contains(RunFolder.Metrics(_folder.File("unbroken")), line => !line.Contains("\"ratio_mean\":1,", StringComparison.Ordinal));
        using (var interruption = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() =>
                RunFolder.Execute(_folder.File("out"), recipe, Samples, progress: progress => { if (progress.Step == 3) interruption.Cancel(); }, interruption: interruption, storage: storage));
        }
        Assert.True(Directory.Exists(Path.Combine(RunFolder.Checkpoints(_folder.File("out")), "step-00000003")));
        RunFolder.Execute(_folder.File("out"), recipe, Samples, resume: true, storage: storage);
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
        // Once more finds nothing to do.
        RunFolder.Execute(_folder.File("out"), recipe, Samples, resume: true, storage: storage);
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
    }

    [Theory]
    [InlineData(false, ElementType.Float32)]
    [InlineData(true, ElementType.Float32)]
    [InlineData(false, ElementType.BFloat16)]
    [InlineData(true, ElementType.BFloat16)]
    public void A_run_that_trains_an_adapter_saves_that_alone_and_goes_on_bitwise(bool saveBFloat16, ElementType storage)
    {
        var recipe = RunFolder.Recipe with { Adapter = new() { Rank = 3, Alpha = 6 }, Freeze = [ParameterGroup.Projector], SaveBFloat16 = saveBFloat16 };
        var whole = RunFolder.Execute(_folder.File("unbroken"), recipe, Samples, storage: storage);
        using (var interruption = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() =>
                RunFolder.Execute(_folder.File("out"), recipe, Samples, progress: progress => { if (progress.Step == 5) interruption.Cancel(); }, interruption: interruption, storage: storage));
        }
        // Whatever lies in the memory of the resumed run before it reads its checkpoint: the seed of the adapter plays no part.
        RunFolder.Execute(_folder.File("out"), recipe with { Recompute = true }, Samples, resume: true, storage: storage, prepare: tiny => tiny.WithRandomAdapter());
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "trainer.json"], Directory.GetFiles(whole).Select(Path.GetFileName).Order());
        var adapter = AdapterReader.ReadConfig(whole, TinyModel.Config);
        Assert.Equal(recipe.Adapter!.Resolve(TinyModel.Config, recipe.Freeze).Modules, adapter.Modules);
        using var file = SafetensorsFile.Open(Path.Combine(whole, "adapter_model.safetensors"));
        Assert.All(file.Tensors, tensor => Assert.Equal(saveBFloat16 ? FileElementType.BF16 : FileElementType.F32, tensor.Type));
    }

    [Fact]
    public void A_run_of_an_adapter_is_not_resumed_over_another_model_nor_begun_with_another_adapter()
    {
        var recipe = RunFolder.Recipe with { Adapter = new() { Rank = 3, Alpha = 6 }, Steps = 2 };
        RunFolder.Execute(_folder.File("out"), recipe, Samples);
        void Poison(TinyModel tiny)
        {
            var values = new float[tiny.Parameters.Layout["decoder.embedding"].Length];
            tiny.Parameters.Write(tiny.Parameters.Layout["decoder.embedding"], 0, values);
        }
        Assert.Contains("an adapter over another model", Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), recipe, Samples, resume: true, prepare: Poison)).Message);
        Refused(TinyModel.Adapter(rank: 4, alpha: 6), "rank 3 and alpha 6, that of the model has rank 4 and alpha 6");
        Refused(TinyModel.Adapter(rank: 3, alpha: 6, targets: ["q_proj"]), "for 22 linear layers, that of the model for 3");
        using (var plain = new TinyModel(TinyModel.AllGroups))
            Assert.Contains("freezes the group Vision", Assert.Throws<ArgumentException>(() => new TrainingRun(plain.Model, recipe, Samples, new() { OutputFolder = _folder.File("new") })).Message);

        void Refused(AdapterConfig adapter, string message)
        {
            using var tiny = new TinyModel([ParameterGroup.Adapter], adapter: adapter);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => new TrainingRun(tiny.Model, recipe, Samples, new() { OutputFolder = _folder.File("new") })).Message);
        }
    }

    [Fact]
    public void A_checkpoint_in_bf16_holds_rounded_weights_and_resumes_from_those_of_the_run()
    {
        var whole = RunFolder.Execute(_folder.File("whole"), RunFolder.Recipe, Samples);
        var half = RunFolder.Execute(_folder.File("half"), RunFolder.Recipe with { SaveBFloat16 = true }, Samples);
        Assert.Equal(RunFolder.Metrics(_folder.File("whole")), RunFolder.Metrics(_folder.File("half")));
        using var rounded = SafetensorsFile.Open(Path.Combine(half, "model.safetensors"));
        Assert.All(rounded.Tensors, tensor => Assert.Equal(FileElementType.BF16, tensor.Type));
        using var master = SafetensorsFile.Open(Path.Combine(half, "optimizer.safetensors"));
        using var tiny = new TinyModel([]);
        CheckpointReader.Read(whole, tiny.Parameters.Layout, tiny.Parameters);
        var parameters = new float[master["parameters"].ElementCount];
        master["parameters"].ReadFloats(0, parameters);
        Assert.Equal(tiny.Values(), parameters);
    }

    [Fact]
    public void Resuming_without_a_complete_checkpoint_starts_over_and_cuts_the_metrics()
    {
        RunFolder.Execute(_folder.File("unbroken"), RunFolder.Recipe, Samples);
        _folder.Write("out/metrics.jsonl", "{\"step\":1,\"loss\":9}\n{\"step\":2,\"loss\":9}\n{\"step\":3,\"lo");
        _folder.Write("out/checkpoints/.writing-step-00000002/model.safetensors", "half");
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples, resume: true);
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
    }

    [Fact]
    public void A_folder_without_state_is_no_complete_checkpoint()
    {
        RunFolder.Execute(_folder.File("unbroken"), RunFolder.Recipe, Samples);
        _folder.Write("out/checkpoints/step-00000008/model.safetensors", "somebody's");
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { CheckpointEvery = 5 }, Samples, resume: true);
        Assert.Equal(RunFolder.Metrics(_folder.File("unbroken")), RunFolder.Metrics(_folder.File("out")));
    }

    [Theory]
    [InlineData("{\"step\":7,\"loss\":1.25")]
    [InlineData("\0\0\0\0")]
    [InlineData("[7]\n{\"step\":8}\n")]
    [InlineData("{\"step\":\"x\"}\n")]
    public void Metrics_after_the_checkpoint_and_a_torn_last_line_are_cut(string rest)
    {
        RunFolder.Execute(_folder.File("unbroken"), RunFolder.Recipe, Samples);
        Cut(_folder.File("unbroken"), _folder.File("out"), keptStep: 4, lines: 6, rest);
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples, resume: true);
        RunFolder.SameEnd(_folder.File("unbroken"), _folder.File("out"));
    }

    [Fact]
    public void A_folder_with_files_is_refused_without_resume()
    {
        _folder.Write("out/note.txt", "mine");
        Assert.Contains("--resume", Assert.Throws<IOException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples)).Message);
        Assert.Single(Directory.GetFileSystemEntries(_folder.File("out")));
    }

    [Fact]
    public void Another_recipe_seed_or_other_data_are_refused_and_change_nothing()
    {
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples);
        var before = File.ReadAllBytes(Path.Combine(_folder.File("out"), "metrics.jsonl"));
        Recipe[] recipes = [RunFolder.Recipe with { LearningRate = 2e-2 }, RunFolder.Recipe with { Optimizer = new() { Beta2 = 0.99 } }, RunFolder.Recipe with { Steps = 11 }, RunFolder.Recipe with { Shuffle = false }];
        foreach (var recipe in recipes)
            Refused(recipe, Samples, 0);
        Refused(RunFolder.Recipe, Samples, 1);
        Refused(RunFolder.Recipe, [.. Samples[..^1], Samples[^1] with { TokenWeights = new float[Samples[^1].Length] }], 0);
        Refused(RunFolder.Recipe, Samples[..^1], 0);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(_folder.File("out"), "metrics.jsonl")));

        void Refused(Recipe recipe, Sample[] samples, ulong seed) =>
            Assert.Contains("another recipe, seed, data or precision", Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), recipe, samples, resume: true, seed: seed)).Message);
    }

    [Fact]
    public void The_fingerprint_knows_every_value_of_a_recipe()
    {
        var known = RunFingerprint.Of(new(), 0, Samples);
        foreach (var property in typeof(Recipe).GetProperties().Where(property => property.CanWrite))
        {
            var recipe = new Recipe();
            object other = property.GetValue(recipe) switch
            {
                bool value => !value,
                int value => value + 1,
                double value => value + 1,
                Enum value => Enum.GetValues(value.GetType()).Cast<object>().First(choice => !choice.Equals(value)),
                Native.Training.AdamWOptions value => value with { Epsilon = 1 },
                Native.Training.LearningRateSchedule value => value with { FinalFraction = 1 },
                IReadOnlyList<ParameterGroup> => (ParameterGroup[])[],
                IReadOnlyList<DataMixEntry> => (DataMixEntry[])[new(new("a", "/a"), 1)],
                null when property.PropertyType == typeof(EvaluationRecipe) => new EvaluationRecipe(new("a", "/a"), null, 1, 0),
                null when property.PropertyType == typeof(AdapterRecipe) => new AdapterRecipe(),
                var value => throw new InvalidOperationException($"{property.Name}: {value}"),
            };
            property.SetValue(recipe, other);
            // Recomputation decides memory alone: a run may be resumed with it or without.
            if (property.Name == nameof(Recipe.Recompute))
                Assert.Equal(known, RunFingerprint.Of(recipe, 0, Samples));
            else
                Assert.NotEqual(known, RunFingerprint.Of(recipe, 0, Samples));
        }
        var adapted = RunFingerprint.Of(new() { Adapter = new() }, 0, Samples);
        foreach (var adapter in (AdapterRecipe[])[new() { Rank = 4 }, new() { Alpha = 4 }, new() { Targets = ["q_proj"] }])
            Assert.NotEqual(adapted, RunFingerprint.Of(new() { Adapter = adapter }, 0, Samples));
        Assert.NotEqual(known, RunFingerprint.Of(new() { Optimizer = new() { Moments = ElementType.BFloat16 } }, 0, Samples));
        Assert.NotEqual(known, RunFingerprint.Of(new(), 0, Samples, ElementType.BFloat16));
    }

    [Fact]
    public void Supervised_fine_tuning_looks_at_no_weight_and_no_temperature()
    {
        var notices = new List<string>();
        Sample[] plain = [.. Samples.Select(sample => sample with { TokenWeights = null })];
        Sample[] warm = [.. Samples.Select(sample => sample with { Temperature = 0.5f })];
        RunFolder.Execute(_folder.File("policy"), RunFolder.Recipe, plain, notice: notices.Add);
        Assert.Empty(notices);
        var recipe = RunFolder.Recipe with { Objective = ObjectiveKind.SupervisedFineTuning, Ratio = Native.Objectives.ImportanceRatio.Token, Divergence = Native.Objectives.DivergenceEstimator.K3 };
        RunFolder.Execute(_folder.File("supervised"), recipe, warm, notice: notices.Add);
        Assert.Equal("7 of 7 records have a reward or token weights other than 1: the objective sft trains on all of them alike.", Assert.Single(notices));
        Assert.Equal(RunFolder.Metrics(_folder.File("policy")), RunFolder.Metrics(_folder.File("supervised")));
        RunFolder.Execute(_folder.File("weighted"), RunFolder.Recipe, Samples);
        Assert.NotEqual(RunFolder.Metrics(_folder.File("weighted")), RunFolder.Metrics(_folder.File("supervised")));
        Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("supervised"), RunFolder.Recipe, plain, resume: true));
    }

    [Fact]
    public void A_second_run_in_the_same_folder_is_refused_while_the_first_goes_on()
    {
        var refused = 0;
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples, progress: progress =>
        {
            if (progress.Step != 3)
                return;
            Assert.Contains($"only writer of the run, found process {Environment.ProcessId}", Assert.Throws<IOException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples, resume: true)).Message);
            refused++;
        });
        Assert.Equal(1, refused);
        Assert.Equal(10, RunFolder.Metrics(_folder.File("out")).Length);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"step\":\"x\",\"fingerprint\":\"y\"}")]
    public void A_state_that_is_none_is_an_error_that_names_its_file(string state)
    {
        var last = RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples);
        File.WriteAllText(Path.Combine(last, "trainer.json"), state);
        Assert.StartsWith(Path.Combine(last, "trainer.json"), Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), RunFolder.Recipe, Samples, resume: true)).Message);
    }

    [Fact]
    public void An_epoch_takes_every_sample_once_and_its_last_batch_what_is_left()
    {
        var trained = Samples.Sum(sample => sample.TrainedTokens);
        RunFolder.Execute(_folder.File("sequences"), RunFolder.Recipe with { Steps = 0, Epochs = 1, BatchSequences = 5 }, Samples);
        Assert.Equal(trained, TrainedTokens("sequences", 2));
        RunFolder.Execute(_folder.File("large"), RunFolder.Recipe with { Steps = 0, Epochs = 2, BatchSequences = 512 }, Samples);
        Assert.Equal(2 * trained, TrainedTokens("large", 1));
        var steps = 0;
        RunFolder.Execute(_folder.File("tokens"), RunFolder.Recipe with { Steps = 0, Epochs = 3, BatchSequences = 0, BatchTokens = 50 }, Samples, progress: progress => steps = progress.TotalSteps);
        Assert.Equal(3 * trained, TrainedTokens("tokens", steps));
    }

    [Fact]
    public void A_parameter_set_that_does_not_fit_the_recipe_is_refused()
    {
        using var tiny = new TinyModel([ParameterGroup.Decoder]);
        Assert.Contains("Vision", Assert.Throws<ArgumentException>(() => new TrainingRun(tiny.Model, RunFolder.Recipe, Samples, new() { OutputFolder = _folder.File("out") })).Message);
    }

    [Theory]
    [InlineData(4, 0, 3, 1)]
    [InlineData(3, 0, 3, 0)]
    [InlineData(0, 1000, 3, 1)]
    [InlineData(0, 20, 3, 0)]
    [InlineData(4, 0, 0, 0)]
    public void A_batch_of_more_than_all_records_is_said_once(int sequences, int tokens, int steps, int expected)
    {
        var notices = new List<string>();
        RunFolder.Execute(_folder.File("out"), RunFolder.Recipe with { Steps = steps, BatchSequences = sequences, BatchTokens = tokens }, TinyModel.Samples(3), notice: notices.Add);
        Assert.Equal(expected, notices.Count);
        Assert.All(notices, notice => Assert.Contains("more than all 3 records", notice));
    }

    [Fact]
    public void Samples_that_cannot_be_trained_on_are_refused_before_anything_is_written()
    {
        var recipe = RunFolder.Recipe with { MaximumSequenceTokens = 12 };
        Refused(recipe, "at least one record");
        Refused(recipe, "limit is 12 (the recipe's max_sequence_tokens)", TinyModel.Sample(0, 13));
        Refused(recipe with { MaximumSequenceTokens = 1000 }, "limit is 64 (the model's max_position_embeddings)", TinyModel.Sample(0, 65));
        Refused(recipe, "at least one trained token", TinyModel.Sample(0, 9) with { LossMask = null });
        Refused(recipe with { Divergence = Native.Objectives.DivergenceEstimator.K3, Reference = ReferenceSource.Record }, "reference_logprobs", TinyModel.Sample(0, 9) with { ReferenceLogProbabilities = null });
        Refused(recipe with { Ratio = Native.Objectives.ImportanceRatio.Token }, "in every record or in none", TinyModel.Sample(0, 9), TinyModel.Sample(1, 9) with { BehaviorLogProbabilities = null });
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    private void Refused(Recipe recipe, string part, params Sample[] samples) =>
        Assert.Contains(part, Assert.Throws<InvalidDataException>(() => RunFolder.Execute(_folder.File("out"), recipe, samples)).Message);

    private long TrainedTokens(string folder, int steps)
    {
        var lines = RunFolder.Metrics(_folder.File(folder));
        Assert.Equal(steps, lines.Length);
        return lines.Sum(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("trained_tokens").GetInt64());
    }

    /// <summary>Copies a finished run as it was when it had checkpoints up to a step and more lines of metrics.</summary>
    private static void Cut(string from, string to, int keptStep, int lines, string rest)
    {
        foreach (var file in Directory.GetFiles(RunFolder.Checkpoints(from), "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(from, file);
            var folder = Path.GetFileName(Path.GetDirectoryName(file))!;
            if (string.CompareOrdinal(folder, $"step-{keptStep:D8}") > 0)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(to, relative))!);
            File.Copy(file, Path.Combine(to, relative));
        }
        File.WriteAllText(Path.Combine(to, "metrics.jsonl"), string.Concat(File.ReadLines(Path.Combine(from, "metrics.jsonl")).Take(lines).Select(line => line + "\n")) + rest);
    }
}
