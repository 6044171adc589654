using Sophia.Native.Data.Records;
using Sophia.Native.Models;
using Sophia.Native.Models.Files;
using Sophia.Native.Models.Generation;
using Sophia.Native.Pipeline;
using Sophia.Native.Pipeline.Evaluation;
using Sophia.Native.Tests.Cli;

namespace Sophia.Native.Tests.Pipeline;

/// <summary>What a policy is measured by while it is trained.</summary>
public sealed class TrainingEvaluationTests(SmallWorld world) : IClassFixture<SmallWorld>
{
    [Fact]
    public void Answers_are_greedy_whatever_is_said_of_sampling()
    {
        var processor = InternVLProcessor.Load(world.Model);
        using var backend = Backend.Open("cpu", new() { Threads = 1 });
        using var parameters = new ParameterSet(backend, new(processor.Config));
        CheckpointReader.Read(world.Model, processor.Config, parameters);
        using var model = new InternVL(processor.Config, parameters, processor.ImageTokenId);
        List<QuestionRecord> questions = [.. RecordReader.ReadQuestions(world.Questions)];
        RecordEncoder encoder = new(processor);
        GenerationOptions options = new() { MaximumNewTokens = 8, StopIds = processor.StopIds, Sampling = new() { Temperature = 0f } };
        var greedy = new List<(int, int)>();
        QuestionEvaluator evaluator = new(model, encoder) { Generating = (generator, _) => generator.TokenDrawn = (request, token, _) => greedy.Add((request, token)) };
        evaluator.Answer(questions, 1, options, _ => { }, TestContext.Current.CancellationToken);

        var drawn = new List<(int, int)>();
        TrainingEvaluation evaluation = new(model, encoder, questions, [], options with { Sampling = new() { Temperature = 1.5f } });
        evaluation.Evaluator.Generating = (generator, _) => generator.TokenDrawn = (request, token, _) => drawn.Add((request, token));
        Assert.Equal(3, evaluation.Measure(TestContext.Current.CancellationToken).Single(value => value.Key == "questions").Value);
        Assert.NotEmpty(greedy);
        Assert.Equal(greedy, drawn);
    }
}
