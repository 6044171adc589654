using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Training.Recipes;
using Sophia.Native.Training.Runs;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia train</c>: training on trajectories or raw records by a recipe.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder to start from", Required = true };
        var data = new Option<string>("--data") { Description = "trajectories or raw records", Required = true };
        var recipe = new Option<string>("--recipe") { Description = "recipe", Required = true };
        var output = new Option<string>("--out") { Description = "new folder for metrics.jsonl and checkpoints", Required = true };
        var resume = new Option<bool>("--resume") { Description = "go on from the newest complete checkpoint in --out" };
        var command = new Command("train", "Trains a model on trajectories.") { model, data, recipe, output, resume };
        command.SetAction((parsed, cancellation) => Task.FromResult(Run(parsed, parsed.GetValue(model)!, parsed.GetValue(data)!, parsed.GetValue(recipe)!, parsed.GetValue(output)!, parsed.GetValue(resume), cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, string folder, string data, string recipePath, string outputFolder, bool resume, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        var seed = SharedOptions.SeedOf(parsed);
        var recipe = Recipe.Load(recipePath);
        if (resume)
            OutputPlace.RequireFolder(outputFolder);
        else
            OutputPlace.RequireNewFolder(outputFolder, "choose another folder, or pass --resume to go on with this run");
        var records = DataFile.Read(data);
        ParameterGroup[] trained = [.. Enum.GetValues<ParameterGroup>().Where(group => !recipe.Freeze.Contains(group))];
        using var session = ModelSession.Open(parsed, folder, trained);
        var samples = ReadSamples(session, data, records, output);
        ProgressLine? line = null;
        var begin = Stopwatch.GetTimestamp();
        var run = new TrainingRun(session.Model, recipe, samples, new()
        {
            OutputFolder = outputFolder,
            Resume = resume,
            Seed = seed,
            Layout = session.Layout,
            AddFiles = session.Processor.HasTokenizer ? session.Processor.Tokenizer.Save : null,
            Notice = output.Note,
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

    private static List<Sample> ReadSamples(ModelSession session, string data, List<DataRecord> records, CommandOutput output)
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
        output.Note($"{data}: {samples.Count} records to train on, {skipped} not selected.");
        return samples;
    }
}
