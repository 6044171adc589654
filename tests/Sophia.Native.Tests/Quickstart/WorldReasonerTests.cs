using System.Reflection;
using System.Text.RegularExpressions;
using Sophia.Native.Data.Records;
using Sophia.Native.Pipeline.Quickstart;
using Sophia.Native.Pipeline.Reasoning;
using Sophia.Native.Pipeline.Verification;
using Xunit;

namespace Sophia.Native.Tests.Quickstart;

public sealed partial class WorldReasonerTests
{
    private const int Traces = 8000;

    [Fact]
    public void On_perfect_captions_it_is_right_except_where_it_slips()
    {
        int right = 0;
        foreach ((Scene scene, PriceQuestion question, string trace) in Reason(new WorldReasonerRates())) right += Answer(trace) == question.AnswerText(scene) ? 1 : 0;

        // A slip of -1 on a sum of zero is no mistake: a little above 1 - .2.
        Assert.InRange((double)right / Traces, .8 - .015, .82 + .015);
    }

    [Fact]
    public void Without_slips_every_answer_follows_from_the_caption()
    {
        foreach ((Scene scene, PriceQuestion question, string trace) in Reason(new WorldReasonerRates { Slip = 0 })) Assert.Equal(question.AnswerText(scene), Answer(trace));
    }

    [Fact]
    public void With_certain_slips_it_is_wrong_except_where_the_sum_cannot_fall_below_zero()
    {
        foreach ((Scene scene, PriceQuestion question, string trace) in Reason(new WorldReasonerRates { Slip = 1 }))
        {
            int gold = question.Answer(scene.Objects);
            Assert.True(Answer(trace) != WorldLanguage.Number(gold) || gold == 0, trace);
        }
    }

    [Fact]
    public void Every_detour_comes_at_its_rate()
    {
        Assert.InRange(Share(new WorldReasonerRates(), trace => trace.Contains("there is a") && WordySentence().IsMatch(trace)), .5 - .03, .5 + .03);
        Assert.InRange(Share(new WorldReasonerRates(), trace => trace.Contains("check again")), .3 - .03, .3 + .03);
        Assert.InRange(Share(new WorldReasonerRates { LookBack = 0 }, trace => trace.Contains("look back")), .25 - .03, .25 + .03);

        // 1 - E[.85^n] for n uniform in 2..4.
        Assert.InRange(Share(new WorldReasonerRates { Misread = 0 }, trace => trace.Contains("yes, correct")), .38 - .03, .38 + .03);
    }

    [Fact]
    public void A_misread_object_is_stated_wrongly_once_and_corrected()
    {
        foreach ((Scene scene, PriceQuestion _, string trace) in Reason(new WorldReasonerRates { Misread = 1, Slip = 0 }))
        {
            SceneObject[] wrong = [.. ClaimParser.Parse(trace).Select(claim => claim.Object).Where(claim => !scene.Contains(claim))];
            SceneObject one = Assert.Single(wrong);
            SceneObject truth = scene.At(one.Cell)!.Value;
            Assert.Equal(1, (one.Size != truth.Size ? 1 : 0) + (one.Color != truth.Color ? 1 : 0) + (one.Shape != truth.Shape ? 1 : 0));
        }
    }

    [Fact]
    public void Without_misreading_a_trace_states_what_the_caption_states_in_its_order()
    {
        foreach ((Scene scene, PriceQuestion _, string trace) in Reason(new WorldReasonerRates { Misread = 0, LookBack = 0 }))
            Assert.Equal(scene.Objects.ToArray(), ClaimParser.Parse(trace).Select(claim => claim.Object));
    }

    [Fact]
    public void It_believes_a_false_caption()
    {
        var reasoner = new WorldReasoner(1, WorldReasonerRates.Terse);
        string trace = reasoner.Reason("northeast big red triangle; nonsense; southwest there is a small blue square", "price of all the objects?", "1", 0, 0);
        Assert.Contains("northeast big red triangle + three = three. southwest small blue square + two = five. total five. </think>", trace);
        Assert.EndsWith(@"\boxed{ five }.", trace);
        Assert.StartsWith("<think> ", trace);
        Assert.Equal("zero", Answer(reasoner.Reason("what?", "price of all big objects?", "1", 0, 0)));
    }

    [Fact]
    public void A_caption_that_goes_on_for_ever_stops_at_the_largest_number()
    {
        string caption = string.Join("; ", Enumerable.Repeat("northeast big red triangle", 40));
        Assert.Equal("twenty", Answer(new WorldReasoner(1, WorldReasonerRates.Terse).Reason(caption, "price of all the objects?", "1", 0, 0)));
    }

    [Fact]
    public void A_trace_depends_on_seed_question_caption_and_answer_number_alone()
    {
        string caption = WorldLanguage.Caption(new World(1).CreateScene(1).Objects);
        string Trace(ulong seed, string id, int k, int n) => new WorldReasoner(seed).Reason(caption, "price of all the objects?", id, k, n);
        Assert.Equal(Trace(1, "a", 2, 3), Trace(1, "a", 2, 3));
        HashSet<string> traces = [];
        for (int k = 0; k < 8; k++)
        {
            for (int n = 0; n < 8; n++) traces.Add(Trace(1, "a", k, n));
        }

        Assert.InRange(traces.Count, 45, 64);
        Assert.NotEqual(Enumerable.Range(0, 8).Select(n => Trace(1, "a", 0, n)), Enumerable.Range(0, 8).Select(n => Trace(2, "a", 0, n)));
        Assert.NotEqual(Enumerable.Range(0, 8).Select(n => Trace(1, "a", 0, n)), Enumerable.Range(0, 8).Select(n => Trace(1, "b", 0, n)));
        Assert.NotEqual(Enumerable.Range(0, 8).Select(n => Trace(1, "a", 0, n)), Enumerable.Range(0, 8).Select(n => Trace(1, "a", 1, n)));
    }

    [Fact]
    public async Task As_a_reasoner_of_the_pipeline_it_writes_the_same_traces()
    {
        var reasoner = new WorldReasoner(4);
        ReasoningRequest request = new()
        {
            Id = "7", Caption = "northeast big red triangle", Question = "price of all big objects?", CaptionIndex = 2, AnswerIndex = 5, AnswersPerCaption = 8, Seed = 0,
        };
        ReasoningAnswer answer = await reasoner.Reason(request, TestContext.Current.CancellationToken);
        Assert.Equal(reasoner.Reason(request.Caption, request.Question, "7", 2, 5), answer.Text);
        Assert.False(answer.Truncated);
        HashSet<string> texts = [];
        for (uint other = 1; other <= 20; other++) texts.Add((await reasoner.Reason(request with { Seed = other }, TestContext.Current.CancellationToken)).Text);
        Assert.InRange(texts.Count, 10, 20);
        await Assert.ThrowsAsync<InvalidDataException>(() => reasoner.Reason(request with { Question = "how many?" }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void The_rule_verifier_judges_traces_by_their_box()
    {
        foreach ((Scene scene, PriceQuestion question, string trace) in Reason(new WorldReasonerRates { Slip = .5 }))
        {
            string gold = question.AnswerText(scene);
            var record = new QuestionRecord { Id = "1", Question = question.Text, Answer = gold };
            Assert.Equal(QuickstartMetrics.IsRight(trace, gold), AnswerVerifier.Verify(trace, record));
        }
    }

    [Fact]
    public void It_cannot_see_the_scene()
    {
        foreach (MethodBase method in typeof(WorldReasoner).GetMembers(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static).OfType<MethodBase>())
            Assert.All(method.GetParameters(), parameter => Assert.DoesNotContain(parameter.ParameterType, (Type[])[typeof(Scene), typeof(World), typeof(byte[]), typeof(Span<byte>), typeof(ReadOnlySpan<byte>)]));
        Assert.All(typeof(WorldReasoner).GetFields(BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static), field => Assert.DoesNotContain(field.FieldType, (Type[])[typeof(Scene), typeof(World)]));
    }

    [Fact]
    public void Another_question_is_refused_with_a_word_on_what_it_knows()
    {
        string message = Assert.Throws<ArgumentException>(() => new WorldReasoner(1).Reason("", "how many?", "1", 0, 0)).Message;
        Assert.Contains("price of all the objects?", message);
        Assert.Contains("how many?", message);
    }

    private static IEnumerable<(Scene Scene, PriceQuestion Question, string Trace)> Reason(WorldReasonerRates rates)
    {
        var world = new World(17);
        var reasoner = new WorldReasoner(17, rates);
        for (int index = 0; index < Traces; index++)
        {
            Scene scene = world.CreateScene(index);
            PriceQuestion question = world.CreateQuestion(index);
            yield return (scene, question, reasoner.Reason(WorldLanguage.Caption(scene.Objects), question.Text, $"q{index}", index % 8, index / 8 % 8));
        }
    }

    private static double Share(WorldReasonerRates rates, Func<string, bool> holds) => Reason(rates).Average(one => holds(one.Trace) ? 1.0 : 0.0);

    private static string Answer(string trace) => Box().Match(trace).Groups[1].Value;

    [GeneratedRegex(@"\\boxed\{ (\w+) \}\.$")]
    private static partial Regex Box();

    [GeneratedRegex(@" at \w+ there is a")]
    private static partial Regex WordySentence();
}
