using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Pipeline.Evaluation;
using Sophia.Native.Training.Recipes;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia train</c>: training on trajectories or raw records by a recipe.</summary>
internal static class TrainCommand
{
    /// <summary>What the metrics call the file of the command line.</summary>
    private const string DataOption = "--data";

    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder to start from", Required = true };
        var data = new Option<string?>(DataOption) { Description = "trajectories or raw records; beside the recipe's data_mix it takes part with weight 1, and may be left out" };
        var adapter = AdapterFlag.Create("adapter to go on with: a folder with PEFT's files; the recipe's \"lora\" has its rank, alpha and targets. Without it an adapter begins as no change");
        var recipe = new Option<string>("--recipe") { Description = "recipe", Required = true };
        var output = new Option<string>("--out") { Description = "new folder for metrics.jsonl, TensorBoard's events and checkpoints", Required = true };
        var resume = new Option<bool>("--resume") { Description = "go on from the newest complete checkpoint in --out" };
        var command = new Command("train", "Trains a model on trajectories.") { model, adapter, data, recipe, output, resume };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter), parsed.GetValue(data), parsed.GetValue(recipe)!, parsed.GetValue(output)!, parsed.GetValue(resume), cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string? adapter, string? data, string recipePath, string outputFolder, bool resume, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        var seed = SharedOptions.SeedOf(parsed);
        var recipe = Recipe.Load(recipePath);
        if (resume)
            OutputPlace.RequireFolder(outputFolder);
        else
            OutputPlace.RequireNewFolder(outputFolder, "choose another folder, or pass --resume to go on with this run");
        var files = ReadFiles(data, recipePath, recipe);
        var evaluationFiles = ReadEvaluationFiles(recipe);
        using var session = ModelSession.OpenForTraining(parsed, folder, recipe, adapter, RopeLength(parsed, recipePath, recipe));
        var sources = files.ConvertAll(file => new SampleSource(file.Name, ReadSamples(session, file.Path, file.Records, output), file.Weight));
        var evaluate = Evaluation(session, recipe, evaluationFiles, output);
        ProgressLine? line = null;
        var begin = Stopwatch.GetTimestamp();
        var run = new TrainingRun(session.Model, recipe, sources, new()
        {
            OutputFolder = outputFolder,
            Resume = resume,
            Seed = seed,
            Layout = session.Layout,
            BaseModel = folder,
            AddFiles = session.Processor.HasTokenizer ? session.Processor.Tokenizer.Save : null,
            Notice = output.Note,
            Evaluate = evaluate,
            Progress = progress =>
            {
                if (line is null)
                {
                    // How many steps there are is known with the first.
                    line = new(output, "step", progress.TotalSteps, begin);
                    line.Report(progress.Step - 1);
                }
                line.Report(progress.Step, string.Create(CultureInfo.InvariantCulture,
                    $": loss {progress.Report.Loss:0.0000}, gradient norm {progress.Report.GradientNorm:0.000}, learning rate {progress.LearningRate:0.00e+0}, {progress.TokensPerSecond:0} tokens/s"));
            },
        });
        string checkpoint;
        try
        {
            checkpoint = run.Execute(cancellation);
        }
        catch (OperationCanceledException stopped)
        {
            output.Note($"train: {stopped.Message} Go on with --resume.");
            throw;
        }
        output.Line($"checkpoint: {checkpoint}");
        output.Json(json => json.WriteString("checkpoint", checkpoint));
        return 0;
    }

    private static int? RopeLength(ParseResult parsed, string recipePath, Recipe recipe)
    {
        var option = parsed.GetValue(SharedOptions.RopeLength);
        if (option is not null && recipe.RopeLength > 0 && option != recipe.RopeLength)
            throw new UsageException($"--rope-length: expected the {recipe.RopeLength} of {recipePath}, found {option}: leave one of them out.");
        return option ?? (recipe.RopeLength > 0 ? recipe.RopeLength : null);
    }

    /// <summary>The files that the run takes from: that of --data, then those of the recipe, all read before anything is written.</summary>
    private static List<(string Name, string Path, List<DataRecord> Records, double Weight)> ReadFiles(string? data, string recipePath, Recipe recipe)
    {
        if (data is null && recipe.DataMix.Count == 0)
            throw new UsageException($"--data: expected a file to train on, here or in {recipePath} under data_mix, found neither.");
        var files = new List<(string Name, string Path, List<DataRecord> Records, double Weight)>();
        if (data is not null)
            files.Add((DataOption, data, DataFile.Read(data), 1));
        foreach (var entry in recipe.DataMix)
        {
            if (data is not null && Path.GetFullPath(data) == entry.File.Path)
                throw new UsageException($"--data {data}: the file stands in the recipe's data_mix too; leave one of them out.");
            files.Add((entry.File.Name, entry.File.Path, DataFile.Read(entry.File.Path), entry.Weight));
        }
        return files;
    }

    private static (List<QuestionRecord> Questions, List<DataRecord> HeldOut) ReadEvaluationFiles(Recipe recipe)
    {
        var evaluation = recipe.Evaluation;
        var questions = evaluation?.Questions is { } file ? DataFile.ReadQuestions(file.Path) : [];
        if (evaluation is { Count: > 0 and var count } && count < questions.Count)
            questions.RemoveRange(count, questions.Count - count);
        return (questions, evaluation?.HeldOut is { } heldOut ? DataFile.Read(heldOut.Path) : []);
    }

    /// <summary>What the run calls after every so many steps; null where the recipe evaluates nothing.</summary>
    private static Func<int, CancellationToken, IReadOnlyList<KeyValuePair<string, double>>>? Evaluation(ModelSession session, Recipe recipe, (List<QuestionRecord> Questions, List<DataRecord> HeldOut) files,
        CommandOutput output)
    {
        if (recipe.Evaluation is not { } plan)
            return null;
        if (files.Questions.Count > 0)
            session.RequireTokenizer();
        var heldOut = files.HeldOut.Count == 0 ? [] : ReadSamples(session, plan.HeldOut!.Path, files.HeldOut, output, isEvaluation: true);
        if (plan.HeldOut is not null && heldOut.Count == 0)
            throw new InvalidDataException($"{plan.HeldOut.Path}: expected at least one record to evaluate on, found none (records with \"selected\": false are skipped).");
        var options = session.Generation(new SamplingOptions { Temperature = 0f }, plan.MaximumNewTokens);
        var evaluation = new TrainingEvaluation(session.Model, session.Encoder, files.Questions, heldOut, options);
        return (step, cancellation) =>
        {
            if (files.Questions.Count > 0)
            {
                var progress = new GenerationProgress(new(output, $"evaluation after step {step}:", files.Questions.Count), options);
                progress.Start();
                evaluation.Evaluator.Generating = progress.Watch;
            }
            var values = evaluation.Measure(cancellation);
            output.Note($"evaluation after step {step}: {string.Join(", ", values.Select(value => string.Create(CultureInfo.InvariantCulture, $"{value.Key} {value.Value:0.####}")))}");
            return values;
        };
    }

    private static List<Sample> ReadSamples(ModelSession session, string data, List<DataRecord> records, CommandOutput output, bool isEvaluation = false)
    {
        var samples = new List<Sample>();
        var skipped = 0;
        foreach (var record in records)
        {
            if (record is TrajectoryRecord { Selected: false } or RawRecord { Selected: false })
            {
                skipped++;
                continue;
            }
            if (record is QuestionRecord)
                throw record.Error("a trajectory with \"response\", or a raw record with \"input_ids\"", "a question alone");
            samples.Add(session.Encoder.ToSample(record) with { Id = record.Location });
        }
        output.Note($"{data}: {samples.Count} records {(isEvaluation ? "held out" : "to train on")}, {skipped} not selected.");
        return samples;
    }
}
