using System.Text.Json;
using Sophia.Native.Models;
using Sophia.Native.Objectives;

namespace Sophia.Native.Training.Recipes;

/// <summary>Reads recipes key by key, so that every message can name the key.</summary>
internal static class RecipeReader
{
    public static Recipe Load(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"{path}: expected a recipe, found no such file.", path);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(File.ReadAllBytes(path), new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false });
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"{path}: expected JSON, found a fault at line {fault.LineNumber + 1}: {fault.Message}");
        }
        using (document)
            return Read(new(path, "", document.RootElement));
    }

    private static Recipe Read(RecipeSection root)
    {
        root.Allow("objective", "optimizer", "schedule", "gradient_clip", "steps", "epochs", "batch_sequences", "batch_tokens", "micro_batch_tokens", "max_sequence_tokens", "rope_length",
            "recompute", "freeze", "lora", "checkpoint_every", "eval_every", "evaluation", "shuffle", "data_mix", "save_dtype");
        if (root.Has("steps") && root.Has("epochs"))
            throw root.Fault("steps", "either steps or epochs, not both");
        if (root.Has("batch_sequences") && root.Has("batch_tokens"))
            throw root.Fault("batch_sequences", "either batch_sequences or batch_tokens, not both");
        var defaults = new Recipe();
        var recipe = defaults with
        {
            Steps = root.Integer("steps", 0, 1, int.MaxValue),
            Epochs = root.Integer("epochs", defaults.Epochs, 1, int.MaxValue),
            BatchSequences = root.Has("batch_tokens") ? 0 : root.Integer("batch_sequences", defaults.BatchSequences, 1, int.MaxValue),
            BatchTokens = root.Integer("batch_tokens", 0, 1, int.MaxValue),
            MicroBatchTokens = root.Integer("micro_batch_tokens", defaults.MicroBatchTokens, 1, 1 << 24),
            MaximumSequenceTokens = root.Integer("max_sequence_tokens", 0, 1, 1 << 24),
            RopeLength = root.Integer("rope_length", 0, 1, 1 << 24),
            CheckpointEvery = root.Integer("checkpoint_every", 0, 0, int.MaxValue),
            EvaluateEvery = root.Integer("eval_every", 0, 0, int.MaxValue),
            Evaluation = ReadEvaluation(root),
            Shuffle = root.Boolean("shuffle", defaults.Shuffle),
            Recompute = root.Boolean("recompute", defaults.Recompute),
            SaveBFloat16 = root.Choice("save_dtype", defaults.SaveBFloat16, ("fp32", false), ("bf16", true)),
            Freeze = ReadFreeze(root, defaults.Freeze),
            DataMix = ReadDataMix(root),
            Adapter = root.Has("lora") ? ReadAdapter(root.Section("lora")) : null,
        };
        recipe = ReadObjective(root.Section("objective"), recipe);
        recipe = ReadOptimizer(root.Section("optimizer"), recipe, ReadClip(root, recipe.Optimizer.GradientClip));
        return ReadSchedule(root.Section("schedule"), recipe);
    }

    private static Recipe ReadObjective(RecipeSection section, Recipe recipe)
    {
        section.Allow("name", "ratio", "behavior", "clip", "normalization", "kl");
        var objective = section.Choice("name", recipe.Objective, ("sophia", ObjectiveKind.Sophia), ("sft", ObjectiveKind.SupervisedFineTuning));
        recipe = recipe with
        {
            Objective = objective,
            Normalization = section.Choice("normalization", recipe.Normalization, ("token-mean", NormalizationMode.TokenMean), ("token-sum", NormalizationMode.TokenSum),
                ("sequence-mean-token-sum", NormalizationMode.SequenceMeanTokenSum), ("sequence-mean-token-mean", NormalizationMode.SequenceMeanTokenMean), ("square", NormalizationMode.Square)),
        };
        if (objective == ObjectiveKind.SupervisedFineTuning)
        {
            foreach (var key in (ReadOnlySpan<string>)["ratio", "behavior", "clip", "kl"])
            {
                if (section.Has(key))
                    throw section.Fault(key, "no such key beside \"name\": \"sft\", which has no ratio, no behavior policy and no divergence term (its keys are name and normalization)");
            }
            return recipe;
        }
        var (low, high) = section.Bounds("clip", recipe.ClipLow, recipe.ClipHigh);
        if (low is not (null or (>= 0 and <= double.MaxValue)) || high is not (null or (>= 0 and <= double.MaxValue)) || low > high)
            throw section.Fault("clip", "two numbers of at least 0 (null for no bound), the lower one first");
        recipe = recipe with
        {
            Ratio = section.Choice("ratio", recipe.Ratio, ("one", ImportanceRatio.One), ("token", ImportanceRatio.Token), ("sequence", ImportanceRatio.Sequence), ("multiple", ImportanceRatio.Multiple)),
            Behavior = section.Choice("behavior", recipe.Behavior, ("record", BehaviorSource.Record), ("snapshot", BehaviorSource.Snapshot)),
            ClipLow = low,
            ClipHigh = high,
        };
        if (!section.Has("kl"))
            return recipe;
        var divergence = section.Section("kl");
        divergence.Allow("estimator", "coefficient", "reference");
        return recipe with
        {
            Divergence = divergence.Choice("estimator", DivergenceEstimator.K3, ("k1", DivergenceEstimator.K1), ("k2", DivergenceEstimator.K2), ("k3", DivergenceEstimator.K3)),
            DivergenceCoefficient = divergence.Number("coefficient", recipe.DivergenceCoefficient, 0, 1e6),
            Reference = divergence.Choice("reference", recipe.Reference, ("record", ReferenceSource.Record), ("initial", ReferenceSource.Initial)),
        };
    }

    private static Recipe ReadOptimizer(RecipeSection section, Recipe recipe, double clip)
    {
        section.Allow("name", "learning_rate", "betas", "epsilon", "weight_decay", "moments");
        section.Choice("name", 0, ("adamw", 0));
        var (beta1, beta2) = section.Bounds("betas", recipe.Optimizer.Beta1, recipe.Optimizer.Beta2);
        if (beta1 is not (>= 0 and < 1) || beta2 is not (>= 0 and < 1))
            throw section.Fault("betas", "two numbers in [0, 1)");
        return recipe with
        {
            LearningRate = section.Number("learning_rate", recipe.LearningRate, 0, 1e3),
            Optimizer = new()
            {
                Beta1 = beta1.Value,
                Beta2 = beta2.Value,
                Epsilon = section.Number("epsilon", recipe.Optimizer.Epsilon, 0, 1),
                WeightDecay = section.Number("weight_decay", recipe.Optimizer.WeightDecay, 0, 1e3),
                GradientClip = clip,
                Moments = section.Choice("moments", recipe.Optimizer.Moments, ("fp32", ElementType.Float32), ("bf16", ElementType.BFloat16)),
            },
        };
    }

    private static Recipe ReadSchedule(RecipeSection section, Recipe recipe)
    {
        section.Allow("name", "warmup_steps", "final_fraction");
        return recipe with
        {
            Schedule = new(section.Choice("name", recipe.Schedule.Shape, ("constant", ScheduleShape.Constant), ("cosine", ScheduleShape.Cosine)),
                section.Integer("warmup_steps", 0, 0, int.MaxValue), section.Number("final_fraction", recipe.Schedule.FinalFraction, 0, 1)),
        };
    }

    /// <summary>A norm above 0; null turns clipping off.</summary>
    private static double ReadClip(RecipeSection root, double fallback)
    {
        if (root.IsNull("gradient_clip"))
            return double.PositiveInfinity;
        var clip = root.Number("gradient_clip", fallback, 0, float.MaxValue);
        return clip > 0 ? clip : throw root.Fault("gradient_clip", "a number above 0, or null for no clipping");
    }

    private static AdapterRecipe ReadAdapter(RecipeSection section)
    {
        if (section.Has("dropout"))
            throw section.Fault("dropout", "no such key: adapters are trained without dropout");
        section.Allow("rank", "alpha", "targets");
        var defaults = new AdapterRecipe();
        var alpha = section.Number("alpha", defaults.Alpha, 0, float.MaxValue);
        return new()
        {
            Rank = section.Integer("rank", defaults.Rank, 1, AdapterConfig.MaximumRank),
            Alpha = alpha > 0 ? alpha : throw section.Fault("alpha", "a number above 0"),
            Targets = ReadTargets(section),
        };
    }

    private static IReadOnlyList<string>? ReadTargets(RecipeSection section)
    {
        const string Expected = "\"all-linear\", or a list of names of linear layers";
        if (!section.Has("targets") || section.IsText("targets", "all-linear"))
            return null;
        if (!section.IsList("targets"))
            throw section.Fault("targets", Expected);
        List<string> targets = [.. section.Texts("targets")];
        return targets.Count > 0 && !targets.Contains("") ? targets : throw section.Fault("targets", Expected);
    }

    private static IReadOnlyList<ParameterGroup> ReadFreeze(RecipeSection root, IReadOnlyList<ParameterGroup> fallback)
    {
        if (!root.Has("freeze"))
            return fallback;
        var groups = new List<ParameterGroup>();
        foreach (var name in root.Texts("freeze"))
        {
            groups.Add(name switch
            {
                "vision" => ParameterGroup.Vision,
                "projector" => ParameterGroup.Projector,
                "decoder" => ParameterGroup.Decoder,
                _ => throw root.Fault("freeze", "a list of vision, projector or decoder"),
            });
        }
        return groups;
    }

    private static IReadOnlyList<DataMixEntry> ReadDataMix(RecipeSection root)
    {
        const string Expected = "a list of {\"data\": FILE, \"weight\": NUMBER}, at least one";
        if (!root.Has("data_mix"))
            return [];
        var entries = new List<DataMixEntry>();
        foreach (var section in root.Sections("data_mix", Expected))
        {
            section.Allow("data", "weight");
            var file = section.File("data") ?? throw section.Fault("data", "the path of a file, relative to the folder of the recipe");
            var weight = section.Number("weight", 1, 0, 1e9);
            if (weight == 0)
                throw section.Fault("weight", "a number above 0; leave a file out that no step is to take from");
            if (entries.Exists(known => known.File.Path == file.Path))
                throw section.Fault("data", "each file once; give it the sum of its weights");
            entries.Add(new(file, weight));
        }
        return entries.Count > 0 ? entries : throw root.Fault("data_mix", Expected);
    }

    private static EvaluationRecipe? ReadEvaluation(RecipeSection root)
    {
        var every = root.Integer("eval_every", 0, 0, int.MaxValue);
        if (root.Has("evaluation") != (every > 0))
            throw root.Fault(every > 0 ? "evaluation" : "eval_every", every > 0 ? "what is to be evaluated beside eval_every" : "how many steps lie between evaluations beside evaluation");
        if (every == 0)
            return null;
        var section = root.Section("evaluation");
        section.Allow("data", "held_out", "max_new_tokens", "count");
        var (questions, heldOut) = (section.File("data"), section.File("held_out"));
        if (questions is null && heldOut is null)
            throw root.Fault("evaluation", "\"data\" (questions with answers) or \"held_out\" (trajectories), or both");
        return new(questions, heldOut, section.Integer("max_new_tokens", 1024, 1, 1 << 20), section.Integer("count", 0, 0, int.MaxValue));
    }
}
