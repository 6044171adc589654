using System.Text;
using Sophia.Native.Pipeline.Reasoning;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The reasoning model of the quickstart: a small program that thinks slowly in plain words. Like the language model of the paper it is blind:
/// it knows the caption's text and the question's text and nothing else, writes as if it looked at the image, and errs at stated rates.
/// A trace is a pure function of (seed, question id, caption index, answer index, caption, question).
/// </summary>
/// <param name="seed">Seed of all its choices.</param>
/// <param name="rates">How often it slips, misreads, looks back, checks again and is wordy; null for the defaults.</param>
public sealed class WorldReasoner(ulong seed, WorldReasonerRates? rates = null) : IReasoner
{
    private const double SlipAtAnObject = .6;
    private const string LookBack = "wait, look back at the image:";

    private static readonly string[] Openers =
        ["okay.", "let me see.", "first, let me look at the image.", "hmm, let me look at the image. okay.", "okay, i see the image. now count."];

    private static readonly string[] Closers = ["so", "the answer is", "so the answer is", "that means the answer should be"];

    private readonly WorldReasonerRates _rates = rates ?? new WorldReasonerRates();

    /// <summary>One: an answer takes microseconds, and the caller may use any number of threads besides.</summary>
    public int Concurrency => 1;

    /// <summary>Answers a request at once. Its seed is mixed into the reasoner's own.</summary>
    /// <exception cref="InvalidDataException">The text is no question of this world.</exception>
    public Task<ReasoningAnswer> Reason(ReasoningRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellation.ThrowIfCancellationRequested();
        if (!PriceQuestion.TryParse(request.Question, out PriceQuestion question))
            throw new InvalidDataException($"question {request.Id}: {Refusal(request.Question)}");
        var random = new RandomStream(seed ^ (ulong)request.Seed << 32, RandomPurpose.Reasoner, Address(request.Id, request.CaptionIndex, request.AnswerIndex));
        return Task.FromResult(new ReasoningAnswer(Write(ClaimParser.Parse(request.Caption), question, ref random)));
    }

    /// <summary>Answers a question from a caption: <c>&lt;think&gt; okay. northwest big red square + two = two. total two. &lt;/think&gt; so \boxed{ two }.</c></summary>
    /// <param name="caption">What the policy said about the image; whatever of it is no statement about an object is passed over.</param>
    /// <param name="question">A question of this world.</param>
    /// <param name="questionId">Names the question among all questions of the run.</param>
    /// <param name="captionIndex">Which caption of the image this is, from 0.</param>
    /// <param name="answerIndex">Which answer to this caption, from 0.</param>
    /// <exception cref="ArgumentException">The text is no question of this world.</exception>
    public string Reason(string caption, string question, string questionId, int captionIndex, int answerIndex)
    {
        ArgumentNullException.ThrowIfNull(caption);
        ArgumentNullException.ThrowIfNull(questionId);
        if (!PriceQuestion.TryParse(question, out PriceQuestion asked))
            throw new ArgumentException(Refusal(question), nameof(question));
        var random = new RandomStream(seed, RandomPurpose.Reasoner, Address(questionId, captionIndex, answerIndex));
        return Write(ClaimParser.Parse(caption), asked, ref random);
    }

    /// <summary>A trace without slips and detours, as the text-only part of the warm-up uses it.</summary>
    internal static string WriteTerse(string caption, PriceQuestion question, ref RandomStream random) =>
        new WorldReasoner(0, WorldReasonerRates.Terse).Write(ClaimParser.Parse(caption), question, ref random);

    private string Write(List<Claim> claims, PriceQuestion question, ref RandomStream random)
    {
        bool wordy = random.NextChance(_rates.Wordy);
        int slippedObject = -1, slipInTotal = 0, misreadObject = -1;
        if (random.NextChance(_rates.Slip))
        {
            if (claims.Count > 0 && random.NextChance(SlipAtAnObject)) slippedObject = random.NextBelow(claims.Count);
            else slipInTotal = random.NextChance(.5) ? 1 : -1;
        }

        if (claims.Count > 0 && random.NextChance(_rates.Misread)) misreadObject = random.NextBelow(claims.Count);

        var text = new StringBuilder("<think> ").Append(random.NextOf<string>(Openers));
        int total = 0;
        for (int i = 0; i < claims.Count; i++)
        {
            SceneObject one = claims[i].Object;
            string cell = WorldLanguage.Word(one.Cell);
            text.Append(wordy ? $" at {cell} there is a " : $" {cell} ");
            if (i == misreadObject) text.Append($"{Misread(one, ref random)}. {LookBack} {cell} there is a ");
            int price = question.Counts(one) ? one.Price : 0;
            if (i == slippedObject) price += price == 0 || random.NextChance(.5) ? 1 : -1;
            total = Math.Min(total + price, WorldLanguage.LargestNumber);
            text.Append($"{Describe(one)} + {WorldLanguage.Number(price)} = {WorldLanguage.Number(total)}.");
            if (random.NextChance(_rates.LookBack)) text.Append($" {LookBack} {cell} there is a {Describe(one)}, yes, correct.");
        }

        string answer = WorldLanguage.Number(Math.Clamp(total + slipInTotal, 0, WorldLanguage.LargestNumber));
        text.Append($" total {answer}.");
        if (random.NextChance(_rates.Recheck)) text.Append($" let me check again: total {answer}.");
        return text.Append($" </think> {random.NextOf<string>(Closers)} \\boxed{{ {answer} }}.").ToString();
    }

    private static string Refusal(string question) =>
        $"Expected a question such as '{new PriceQuestion(null).Text}', found '{question}'. The embedded reasoner knows the quickstart's questions alone; use another reasoner for others.";

    private static string Describe(SceneObject one) => WorldLanguage.Describe(one.Size, one.Color, one.Shape);

    /// <summary>The object with one attribute replaced by another value.</summary>
    private static string Misread(SceneObject one, ref RandomStream random) => Describe(random.NextBelow(3) switch
    {
        0 => one with { Size = 1 - one.Size },
        1 => one with { Color = (ObjectColor)(((int)one.Color + 1 + random.NextBelow(3)) % 4) },
        _ => one with { Shape = (ObjectShape)(((int)one.Shape + 1 + random.NextBelow(2)) % 3) },
    });

    /// <summary>FNV-1a over the id's characters and the two indices: 64 bits that name this answer among all of a run.</summary>
    private static ulong Address(string questionId, int captionIndex, int answerIndex)
    {
        ulong hash = 14695981039346656037;
        foreach (char symbol in questionId) hash = (hash ^ symbol) * 1099511628211;
        hash = (hash ^ (uint)captionIndex) * 1099511628211;
        return (hash ^ (uint)answerIndex) * 1099511628211;
    }
}
