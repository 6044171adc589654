using Sophia.Native.Models;
using Sophia.Native.Objectives;
using Sophia.Native.Training;
using Sophia.Native.Training.Recipes;

namespace Sophia.Native.Tests.Training;

public sealed class RecipeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_empty_recipe_has_the_defaults()
    {
        var recipe = Load("{}");
        var defaults = new Recipe();
        Assert.Equal(defaults with { Freeze = recipe.Freeze }, recipe);
        Assert.Equal(defaults.Freeze, recipe.Freeze);
        Assert.Equal(ImportanceRatio.Token, recipe.Ratio);
        Assert.Equal((0.8, 1.28), (recipe.ClipLow, recipe.ClipHigh));
        Assert.Equal((512, 1, 0), (recipe.BatchSequences, recipe.Epochs, recipe.Steps));
        Assert.Equal([ParameterGroup.Vision, ParameterGroup.Projector], recipe.Freeze);
        Assert.Equal((2e-5, 0.05, 1.0), (recipe.LearningRate, recipe.Optimizer.WeightDecay, recipe.Optimizer.GradientClip));
        Assert.Equal(new LearningRateSchedule(ScheduleShape.Cosine, 0, 0.25), recipe.Schedule);
    }

    [Fact]
    public void Every_key_reaches_its_value()
    {
        var recipe = Load("""
            {
              // Comments and a trailing comma are allowed.
              "objective": {"name": "sophia", "ratio": "multiple", "behavior": "snapshot", "clip": [null, 2.5], "normalization": "square",
                            "kl": {"estimator": "k2", "coefficient": 0.25, "reference": "record"}},
              "optimizer": {"name": "adamw", "learning_rate": 1e-3, "betas": [0.8, 0.99], "epsilon": 1e-6, "weight_decay": 0, "moments": "bf16"},
              "schedule": {"name": "constant", "warmup_steps": 7, "final_fraction": 0.5}, /* here too */
              "gradient_clip": 0.5, "steps": 20, "batch_tokens": 300, "micro_batch_tokens": 128, "max_sequence_tokens": 64, "recompute": true,
              "freeze": ["decoder"], "lora": {"rank": 4, "alpha": 2.5, "targets": ["q_proj", "mlp.fc1"]}, "checkpoint_every": 3, "shuffle": false, "save_dtype": "bf16",
            }
            """);
        Assert.Equal((ImportanceRatio.Multiple, BehaviorSource.Snapshot, NormalizationMode.Square), (recipe.Ratio, recipe.Behavior, recipe.Normalization));
        Assert.Equal((null, 2.5), (recipe.ClipLow, recipe.ClipHigh));
        Assert.Equal((DivergenceEstimator.K2, 0.25, ReferenceSource.Record), (recipe.Divergence, recipe.DivergenceCoefficient, recipe.Reference));
        Assert.Equal(new AdamWOptions { Beta1 = 0.8, Beta2 = 0.99, Epsilon = 1e-6, WeightDecay = 0, GradientClip = 0.5, Moments = ElementType.BFloat16 }, recipe.Optimizer);
        Assert.Equal((1e-3, new LearningRateSchedule(ScheduleShape.Constant, 7, 0.5)), (recipe.LearningRate, recipe.Schedule));
        Assert.Equal((20, 0, 300, 128, 64, 3), (recipe.Steps, recipe.BatchSequences, recipe.BatchTokens, recipe.MicroBatchTokens, recipe.MaximumSequenceTokens, recipe.CheckpointEvery));
        Assert.Equal((false, true, true), (recipe.Shuffle, recipe.SaveBFloat16, recipe.Recompute));
        Assert.Equal([ParameterGroup.Decoder], recipe.Freeze);
        Assert.Equal((4, 2.5), (recipe.Adapter!.Rank, recipe.Adapter.Alpha));
        Assert.Equal(["q_proj", "mlp.fc1"], recipe.Adapter.Targets!);
    }

    [Fact]
    public void An_adapter_without_values_is_one_of_all_linear_layers_that_are_not_frozen()
    {
        var recipe = Load("""{"lora": {}, "freeze": ["vision"]}""");
        Assert.Equal(new AdapterRecipe(), recipe.Adapter);
        Assert.Equal(new AdapterRecipe(), Load("""{"lora": {"targets": "all-linear"}}""").Adapter);
        Assert.Equal([ParameterGroup.Adapter], recipe.TrainedGroups);
        var adapter = recipe.Adapter!.Resolve(TinyModel.Config, recipe.Freeze);
        Assert.Equal((16, 32.0, 2.0), (adapter.Rank, adapter.Alpha, adapter.Scale));
        Assert.Equal(2 + 7 * TinyModel.Config.Text.LayerCount, adapter.Modules.Count);
    }

    [Fact]
    public void A_divergence_term_without_values_has_those_of_a_recipe_made_in_code()
    {
        var recipe = Load("""{"objective": {"kl": {} } }""");
        var defaults = new Recipe();
        Assert.Equal((DivergenceEstimator.K3, 0.01, ReferenceSource.Initial), (recipe.Divergence, recipe.DivergenceCoefficient, recipe.Reference));
        Assert.Equal((0.01, ReferenceSource.Initial), (defaults.DivergenceCoefficient, defaults.Reference));
    }

    [Theory]
    [InlineData("one", ImportanceRatio.One)]
    [InlineData("token", ImportanceRatio.Token)]
    [InlineData("sequence", ImportanceRatio.Sequence)]
    [InlineData("multiple", ImportanceRatio.Multiple)]
    public void Every_ratio_has_its_name(string name, ImportanceRatio ratio) => Assert.Equal(ratio, Load($$"""{"objective":{"ratio":"{{name}}" } }""").Ratio);

    [Theory]
    [InlineData("token-mean", NormalizationMode.TokenMean)]
    [InlineData("token-sum", NormalizationMode.TokenSum)]
    [InlineData("sequence-mean-token-sum", NormalizationMode.SequenceMeanTokenSum)]
    [InlineData("sequence-mean-token-mean", NormalizationMode.SequenceMeanTokenMean)]
    [InlineData("square", NormalizationMode.Square)]
    public void Every_normalization_has_its_name(string name, NormalizationMode mode) => Assert.Equal(mode, Load($$"""{"objective":{"normalization":"{{name}}" } }""").Normalization);

    [Theory]
    [InlineData("k1", DivergenceEstimator.K1)]
    [InlineData("k2", DivergenceEstimator.K2)]
    [InlineData("k3", DivergenceEstimator.K3)]
    public void Every_estimator_has_its_name(string name, DivergenceEstimator estimator) => Assert.Equal(estimator, Load($$"""{"objective":{"kl":{"estimator":"{{name}}" } } }""").Divergence);

    [Fact]
    public void A_divergence_term_without_details_is_k3_against_the_initial_policy_and_null_is_none()
    {
        var recipe = Load("""{"objective":{"kl":{}}}""");
        Assert.Equal((DivergenceEstimator.K3, 0.01, ReferenceSource.Initial), (recipe.Divergence, recipe.DivergenceCoefficient, recipe.Reference));
        Assert.Equal(DivergenceEstimator.None, Load("""{"objective":{"kl":null}}""").Divergence);
    }

    [Fact]
    public void Files_of_a_recipe_are_relative_to_its_folder()
    {
        var recipe = Load("""
            {"data_mix": [{"data": "traces.jsonl", "weight": 0.25}, {"data": "sub/vqa.jsonl"}],
             "eval_every": 5, "evaluation": {"data": "../questions.jsonl", "held_out": "held.jsonl", "max_new_tokens": 64, "count": 10}}
            """);
        Assert.Equal([new(new("traces.jsonl", _folder.File("traces.jsonl")), 0.25), new(new("sub/vqa.jsonl", _folder.File("sub/vqa.jsonl")), 1)], recipe.DataMix);
        Assert.Equal(5, recipe.EvaluateEvery);
        Assert.Equal(new(new("../questions.jsonl", Path.GetFullPath(_folder.File("../questions.jsonl"))), new("held.jsonl", _folder.File("held.jsonl")), 64, 10), recipe.Evaluation);
        Assert.Null(Load("{}").Evaluation);
    }

    [Fact]
    public void Supervised_fine_tuning_takes_a_normalization_and_nothing_else()
    {
        var recipe = Load("""{"objective":{"name":"sft","normalization":"square"}}""");
        Assert.Equal((ObjectiveKind.SupervisedFineTuning, NormalizationMode.Square), (recipe.Objective, recipe.Normalization));
        Assert.Equal(ObjectiveKind.Sophia, Load("{}").Objective);
    }

    [Theory]
    [InlineData("\"ratio\":\"one\"", "objective.ratio: expected no such key beside \"name\": \"sft\"")]
    [InlineData("\"clip\":[0.8,1.28]", "objective.clip: expected no such key beside \"name\": \"sft\"")]
    [InlineData("\"behavior\":\"snapshot\"", "objective.behavior: expected no such key beside \"name\": \"sft\"")]
    [InlineData("\"kl\":{}", "objective.kl: expected no such key beside \"name\": \"sft\"")]
    public void Keys_of_the_policy_objective_are_refused_beside_sft(string key, string message) => Refused($$"""{"objective":{"name":"sft",{{key}} } }""", message);

    [Fact]
    public void Clipping_is_turned_off_by_null() => Assert.Equal(double.PositiveInfinity, Load("{\"gradient_clip\":null}").Optimizer.GradientClip);

    [Theory]
    [InlineData("{\"learning_rate\":1}", "unknown key learning_rate; known are objective, optimizer, schedule, gradient_clip, steps, epochs, batch_sequences, batch_tokens, micro_batch_tokens, max_sequence_tokens, rope_length, recompute, freeze, lora, checkpoint_every, eval_every, evaluation, shuffle, data_mix, save_dtype.")]
    [InlineData("{\"objective\":{\"Ratio\":\"one\"}}", "unknown key objective.Ratio; known are name, ratio, behavior, clip, normalization, kl.")]
    [InlineData("{\"objective\":{\"kl\":{\"beta\":1}}}", "unknown key objective.kl.beta; known are estimator, coefficient, reference.")]
    [InlineData("{\"optimizer\":{\"lr\":1}}", "unknown key optimizer.lr; known are name, learning_rate, betas, epsilon, weight_decay, moments.")]
    [InlineData("{\"schedule\":{\"warmup\":1}}", "unknown key schedule.warmup; known are name, warmup_steps, final_fraction.")]
    public void An_unknown_key_is_an_error_that_lists_the_known_ones(string json, string message) => Refused(json, message);

    [Theory]
    [InlineData("[]", "the recipe: expected an object, found Array.")]
    [InlineData("{\"objective\":\"sophia\"}", "objective: expected an object, found String.")]
    [InlineData("{\"objective\":{\"name\":\"ppo\"}}", "objective.name: expected \"sophia\" or \"sft\", found \"ppo\".")]
    [InlineData("{\"objective\":{\"ratio\":1}}", "objective.ratio: expected \"one\" or \"token\" or \"sequence\" or \"multiple\", found 1.")]
    [InlineData("{\"objective\":{\"behavior\":\"both\"}}", "objective.behavior: expected \"record\" or \"snapshot\", found \"both\".")]
    [InlineData("{\"objective\":{\"clip\":0.2}}", "objective.clip: expected a list of two numbers, found 0.2.")]
    [InlineData("{\"objective\":{\"clip\":[0.8]}}", "objective.clip: expected a list of two numbers, found [0.8].")]
    [InlineData("{\"objective\":{\"clip\":[1.28,0.8]}}", "objective.clip: expected two numbers of at least 0 (null for no bound), the lower one first, found [1.28,0.8].")]
    [InlineData("{\"objective\":{\"clip\":[-1,null]}}", "objective.clip: expected two numbers of at least 0")]
    [InlineData("{\"objective\":{\"clip\":[0,1e999]}}", "objective.clip: expected two numbers of at least 0")]
    [InlineData("{\"objective\":{\"kl\":{\"coefficient\":-1}}}", "objective.kl.coefficient: expected a number from 0 to 1000000, found -1.")]
    [InlineData("{\"optimizer\":{\"name\":\"sgd\"}}", "optimizer.name: expected \"adamw\", found \"sgd\".")]
    [InlineData("{\"optimizer\":{\"moments\":\"fp16\"}}", "optimizer.moments: expected \"fp32\" or \"bf16\", found \"fp16\".")]
    [InlineData("{\"optimizer\":{\"betas\":[0.9,1]}}", "optimizer.betas: expected two numbers in [0, 1), found [0.9,1].")]
    [InlineData("{\"optimizer\":{\"betas\":[null,0.9]}}", "optimizer.betas: expected two numbers in [0, 1), found [null,0.9].")]
    [InlineData("{\"optimizer\":{\"learning_rate\":\"1e-5\"}}", "optimizer.learning_rate: expected a number from 0 to 1000, found \"1e-5\".")]
    [InlineData("{\"optimizer\":{\"learning_rate\":-1}}", "optimizer.learning_rate: expected a number from 0 to 1000, found -1.")]
    [InlineData("{\"optimizer\":{\"epsilon\":2}}", "optimizer.epsilon: expected a number from 0 to 1, found 2.")]
    [InlineData("{\"optimizer\":{\"weight_decay\":-0.1}}", "optimizer.weight_decay: expected a number from 0 to 1000, found -0.1.")]
    [InlineData("{\"schedule\":{\"name\":\"linear\"}}", "schedule.name: expected \"constant\" or \"cosine\", found \"linear\".")]
    [InlineData("{\"schedule\":{\"warmup_steps\":-1}}", "schedule.warmup_steps: expected a whole number from 0")]
    [InlineData("{\"schedule\":{\"final_fraction\":1.5}}", "schedule.final_fraction: expected a number from 0 to 1, found 1.5.")]
    [InlineData("{\"gradient_clip\":0}", "gradient_clip: expected a number above 0, or null for no clipping, found 0.")]
    [InlineData("{\"steps\":0}", "steps: expected a whole number from 1")]
    [InlineData("{\"steps\":1.5}", "steps: expected a whole number from 1")]
    [InlineData("{\"epochs\":0}", "epochs: expected a whole number from 1")]
    [InlineData("{\"steps\":1,\"epochs\":1}", "steps: expected either steps or epochs, not both")]
    [InlineData("{\"batch_sequences\":1,\"batch_tokens\":1}", "batch_sequences: expected either batch_sequences or batch_tokens, not both")]
    [InlineData("{\"batch_sequences\":0}", "batch_sequences: expected a whole number from 1")]
    [InlineData("{\"batch_tokens\":-5}", "batch_tokens: expected a whole number from 1")]
    [InlineData("{\"micro_batch_tokens\":0}", "micro_batch_tokens: expected a whole number from 1")]
    [InlineData("{\"max_sequence_tokens\":\"long\"}", "max_sequence_tokens: expected a whole number from 1")]
    [InlineData("{\"recompute\":1}", "recompute: expected true or false, found 1.")]
    [InlineData("{\"lora\":16}", "lora: expected an object")]
    [InlineData("{\"lora\":{\"r\":16}}", "unknown key lora.r; known are rank, alpha, targets.")]
    [InlineData("{\"lora\":{\"rank\":0}}", "lora.rank: expected a whole number from 1")]
    [InlineData("{\"lora\":{\"rank\":1.5}}", "lora.rank: expected a whole number from 1")]
    [InlineData("{\"lora\":{\"alpha\":0}}", "lora.alpha: expected a number above 0, found 0.")]
    [InlineData("{\"lora\":{\"alpha\":-1}}", "lora.alpha: expected a number from 0")]
    [InlineData("{\"lora\":{\"targets\":\"all\"}}", "lora.targets: expected \"all-linear\", or a list of names of linear layers, found \"all\".")]
    [InlineData("{\"lora\":{\"targets\":[]}}", "lora.targets: expected \"all-linear\", or a list of names of linear layers, found [].")]
    [InlineData("{\"lora\":{\"targets\":[1]}}", "lora.targets: expected a list of names, found [1].")]
    [InlineData("{\"lora\":{\"dropout\":0.1}}", "lora.dropout: expected no such key: adapters are trained without dropout, found 0.1.")]
    [InlineData("{\"shuffle\":1}", "shuffle: expected true or false, found 1.")]
    [InlineData("{\"freeze\":\"vision\"}", "freeze: expected a list of names, found \"vision\".")]
    [InlineData("{\"freeze\":[1]}", "freeze: expected a list of names, found [1].")]
    [InlineData("{\"freeze\":[\"head\"]}", "freeze: expected a list of vision, projector or decoder, found [\"head\"].")]
    [InlineData("{\"checkpoint_every\":-1}", "checkpoint_every: expected a whole number from 0")]
    [InlineData("{\"save_dtype\":\"fp16\"}", "save_dtype: expected \"fp32\" or \"bf16\", found \"fp16\".")]
    [InlineData("{\"data_mix\":[]}", "data_mix: expected a list of {\"data\": FILE, \"weight\": NUMBER}, at least one, found [].")]
    [InlineData("{\"data_mix\":{}}", "data_mix: expected a list of {\"data\": FILE, \"weight\": NUMBER}, at least one, found {}.")]
    [InlineData("{\"data_mix\":[\"a\"]}", "data_mix: expected a list of {\"data\": FILE, \"weight\": NUMBER}, at least one, found [\"a\"].")]
    [InlineData("{\"data_mix\":[{\"weight\":1}]}", "data_mix[0].data: expected the path of a file, relative to the folder of the recipe.")]
    [InlineData("{\"data_mix\":[{\"data\":\"\"}]}", "data_mix[0].data: expected the path of a file, relative to the folder of the recipe, found \"\".")]
    [InlineData("{\"data_mix\":[{\"data\":\"a\"},{\"data\":\"b\",\"weight\":0}]}", "data_mix[1].weight: expected a number above 0; leave a file out that no step is to take from, found 0.")]
    [InlineData("{\"data_mix\":[{\"data\":\"a\",\"weight\":-1}]}", "data_mix[0].weight: expected a number from 0 to 1000000000, found -1.")]
    [InlineData("{\"data_mix\":[{\"data\":\"a\"},{\"data\":\"./a\"}]}", "data_mix[1].data: expected each file once; give it the sum of its weights, found \"./a\".")]
    [InlineData("{\"data_mix\":[{\"data\":\"a\",\"share\":1}]}", "unknown key data_mix[0].share; known are data, weight.")]
    [InlineData("{\"eval_every\":1}", "evaluation: expected what is to be evaluated beside eval_every.")]
    [InlineData("{\"eval_every\":-1}", "eval_every: expected a whole number from 0")]
    [InlineData("{\"evaluation\":{\"data\":\"a\"}}", "eval_every: expected how many steps lie between evaluations beside evaluation.")]
    [InlineData("{\"eval_every\":1,\"evaluation\":{}}", "evaluation: expected \"data\" (questions with answers) or \"held_out\" (trajectories), or both, found {}.")]
    [InlineData("{\"eval_every\":1,\"evaluation\":{\"data\":\"a\",\"max_new_tokens\":0}}", "evaluation.max_new_tokens: expected a whole number from 1")]
    [InlineData("{\"eval_every\":1,\"evaluation\":{\"every\":1}}", "unknown key evaluation.every; known are data, held_out, max_new_tokens, count.")]
    [InlineData("{\n\"steps\":1,,\n}", "expected JSON, found a fault at line 2")]
    [InlineData("{\"steps\":1,\"steps\":2}", "expected JSON, found a fault at line")]
    [InlineData("", "expected JSON, found a fault at line 1")]
    public void A_wrong_value_is_an_error_that_names_file_and_key(string json, string message) => Refused(json, message);

    [Fact]
    public void A_missing_file_is_an_error_that_names_it()
    {
        var path = _folder.File("none.json");
        Assert.StartsWith(path, Assert.Throws<FileNotFoundException>(() => Recipe.Load(path)).Message);
    }

    private Recipe Load(string json) => Recipe.Load(_folder.Write("recipe.json", json));

    private void Refused(string json, string message)
    {
        var fault = Assert.Throws<InvalidDataException>(() => Load(json));
        Assert.StartsWith(_folder.File("recipe.json"), fault.Message);
        Assert.Contains(message, fault.Message);
        Assert.EndsWith(".", fault.Message);
    }
}
