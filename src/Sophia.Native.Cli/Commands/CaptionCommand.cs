using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Captioning;
using Sophia.Native.Pipeline.Rollouts;

namespace Sophia.Native.Cli.Commands;

/// <summary><c>sophia caption</c>: stage 1, captions of every image, the question hidden.</summary>
internal static class CaptionCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "checkpoint folder of the policy", Required = true };
        var data = new Option<string>("--data") { Description = "questions", Required = true };
        var adapter = AdapterFlag.Create();
        var output = new Option<string>("--out") { Description = "folder of the store; an existing one of the same questions is gone on with", Required = true };
        var round = new RoundFlags { Captions = true };
        var command = new Command("caption", "Stage 1: captions of every image, the question hidden.") { model, adapter, data, output };
        round.AddTo(command);
        var sampling = new SamplingFlags(command, 1f, 2048);
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = round.Options(parsed);
            sampling.Check(parsed);
            OutputPlace.RequireFolder(parsed.GetValue(output)!);
            using var session = ModelSession.Open(parsed, parsed.GetValue(model)!, parsed.GetValue(adapter));
            session.RequireTokenizer();
            using var store = OpenStore(parsed.GetValue(output)!, parsed.GetValue(data)!);
            var report = new CommandOutput(parsed);
            await Run(parsed, report, session, store, sampling, options, cancellation);
            report.Json(json =>
            {
                json.WriteNumber("questions", store.Questions.Count);
                json.WriteNumber("captions", StoreStatus.Of(store, options).Captions);
            });
            return 0;
        });
        return command;
    }

    public static Task Run(ParseResult parsed, CommandOutput output, ModelSession session, RolloutStore store, SamplingFlags sampling, RolloutOptions options, CancellationToken cancellation)
    {
        var generation = session.Generation(parsed, sampling);
        var drawn = generation.Sampling;
        // What decides a caption beside its image, seed and number: a resumed store takes nothing else.
        var settled = new Dictionary<string, string>
        {
            ["model"] = ModelFingerprint.Of(session.Folder),
            ["instruction"] = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Prompts.CaptionInstruction))[..8]),
            ["max-new-tokens"] = generation.MaximumNewTokens.ToString(CultureInfo.InvariantCulture),
            ["temperature"] = drawn.Temperature.ToString(CultureInfo.InvariantCulture),
            ["top-k"] = drawn.TopK.ToString(CultureInfo.InvariantCulture),
            ["top-p"] = drawn.TopP.ToString(CultureInfo.InvariantCulture),
            ["min-p"] = drawn.MinP.ToString(CultureInfo.InvariantCulture),
        };
        if (session.Adapter is { } adapter)
            settled["adapter"] = ModelFingerprint.OfAdapter(adapter);
        if (generation.RepetitionPenalty != 1f)
            settled["repetition-penalty"] = generation.RepetitionPenalty.ToString(CultureInfo.InvariantCulture);
        if (session.RopeLength is { } ropeLength)
            settled["rope-length"] = ropeLength.ToString(CultureInfo.InvariantCulture);
        if (session.Parameters.Storage == ElementType.BFloat16)
            settled["precision"] = "bf16";
        store.Settle("captioner", settled);
        var captioner = new ModelCaptioner(session.Model, session.Processor, generation.MaximumNewTokens, drawn, generation.RepetitionPenalty);
        return RolloutStages.Caption(store, captioner, options, new StageProgress(output), cancellation);
    }

    /// <summary>Opens a store of exactly these questions, or begins one.</summary>
    public static RolloutStore OpenStore(string folder, string data)
    {
        var questions = DataFile.ReadQuestions(data);
        if (!RolloutStore.Exists(folder))
            return RolloutStore.Create(folder, questions);
        var store = RolloutStore.Open(folder);
        try
        {
            CheckSame(store, questions, folder, data);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private static void CheckSame(RolloutStore store, List<QuestionRecord> questions, string folder, string data)
    {
        if (store.Questions.Count != questions.Count)
            throw new InvalidDataException($"{data}: expected the {store.Questions.Count} questions of the store {folder}, found {questions.Count}: use another folder for other questions.");
        for (var i = 0; i < questions.Count; i++)
        {
            var (former, now) = (store.Questions[i], questions[i]);
            var isSame = former.Id == now.Id && former.Question == now.Question && former.Answer == now.Answer && former.System == now.System
                && former.Options.SequenceEqual(now.Options) && former.ImagePaths().SequenceEqual(now.ImagePaths());
            if (!isSame)
                throw now.Error($"question \"{former.Id}\" as the store {folder} has it", $"another one (\"{now.Id}\"): use another folder for other questions");
        }
    }
}
