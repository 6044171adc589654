using System.Text;

namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The skills that the base model learns before the first round, one at a time and in changing surroundings: seeing (captions, descriptions of
/// cells asked for, objects between words that cannot be guessed), answering at once, and, in text alone, adding up prices from a caption.
/// Slow thinking over an image is never among them: putting the skills together is what the round teaches.
/// A task is a pure function of (seed, index) and the scene.
/// </summary>
/// <param name="seed">Seed of the tasks.</param>
internal sealed class WarmUpTasks(ulong seed)
{
    private const double CaptionShare = .35, ScatteredShare = .3, PrefixShare = .4, DirectPrefixShare = .3 * PrefixShare;
    private const int LongestPrefix = 30, LongestHint = 7, LongestFiller = 5;

    private static readonly string[] Fillers = [.. WorldLanguage.OtherWords, .. WorldLanguage.Numbers.AsSpan(0, 16), "+", "="];
    private static readonly string[] FillerSigns = [".", ",", ":", ";", "?"];
    private const double FillerSignShare = .1;

    /// <summary>A task of seeing: 35 % captions, 30 % objects between unpredictable words, 35 % descriptions of cells asked for; behind up to 30 random words in 40 %.</summary>
    /// <param name="scene">The scene to look at.</param>
    /// <param name="index">Number of the task.</param>
    public WarmUpTask CreateImageTask(Scene scene, long index)
    {
        ArgumentNullException.ThrowIfNull(scene);
        var random = new RandomStream(seed, RandomPurpose.ImageTask, (ulong)index);
        double kind = random.NextUnit();
        string prefix = Prefix(PrefixShare, ref random);
        if (kind < CaptionShare) return Caption(scene, prefix);
        return kind < CaptionShare + ScatteredShare ? Scattered(scene, prefix, ref random) : LookAt(scene, prefix, ref random);
    }

    /// <summary>A question about an image with the boxed answer and nothing else.</summary>
    /// <param name="scene">The scene to look at.</param>
    /// <param name="question">The question.</param>
    /// <param name="index">Number of the task.</param>
    public WarmUpTask CreateDirectTask(Scene scene, PriceQuestion question, long index)
    {
        ArgumentNullException.ThrowIfNull(scene);
        var random = new RandomStream(seed, RandomPurpose.DirectTask, (ulong)index);
        string prefix = Prefix(DirectPrefixShare, ref random);
        return new(scene, WorldLanguage.PlainSystemMessage, Join(prefix, question.Text), [new(WorldLanguage.Boxed(question.Answer(scene.Objects)), true)], true);
    }

    /// <summary>A true caption of a scene that is not shown and a question, in text alone, answered by the shortest right trace.</summary>
    /// <param name="index">Number of the task; it fixes the scene too.</param>
    public WarmUpTask CreateTextTask(long index)
    {
        var random = new RandomStream(seed, RandomPurpose.TextTask, (ulong)index);
        string caption = WorldLanguage.Caption(World.DrawScene(seed, RandomPurpose.TextScene, index).Objects);
        PriceQuestion question = PriceQuestion.Draw(ref random);
        string trace = WorldReasoner.WriteTerse(caption, question, ref random);
        return new(null, WorldLanguage.SlowSystemMessage, Join(caption, question.Text), [new(trace, true)], true);
    }

    /// <summary>A caption task whose caption is given, true or not, behind the usual prefix: replay of what the policy itself said.</summary>
    /// <param name="scene">The scene to look at.</param>
    /// <param name="caption">The caption to repeat.</param>
    /// <param name="index">Number of the task.</param>
    public WarmUpTask CreateCaptionReplay(Scene scene, string caption, long index)
    {
        ArgumentNullException.ThrowIfNull(scene);
        ArgumentNullException.ThrowIfNull(caption);
        var random = new RandomStream(seed, RandomPurpose.ImageTask, (ulong)index);
        return new(scene, WorldLanguage.PlainSystemMessage, Join(Prefix(PrefixShare, ref random), WorldLanguage.CaptionInstruction), [new(caption, true)], true);
    }

    private static WarmUpTask Caption(Scene scene, string prefix) =>
        new(scene, WorldLanguage.PlainSystemMessage, Join(prefix, WorldLanguage.CaptionInstruction), [new(WorldLanguage.Caption(scene.Objects), true)], true);

    /// <summary>All objects in reading order, each followed by words that are read but not trained: whatever stands before it, an object is read off the image.</summary>
    private static WarmUpTask Scattered(Scene scene, string prefix, ref RandomStream random)
    {
        string hint = RandomWords(random.NextBelow(LongestHint + 1), ref random);
        var response = new List<ResponseSegment>();
        foreach (SceneObject one in scene.Objects)
        {
            response.Add(new((response.Count == 0 ? "" : " ") + WorldLanguage.Describe(one), true));
            string filler = RandomWords(random.NextBelow(LongestFiller + 1), ref random);
            response.Add(new(filler.Length == 0 ? "." : $" {filler}.", false));
        }

        return new(scene, WorldLanguage.PlainSystemMessage, Join(prefix, hint), response, false);
    }

    /// <summary>What stands in one to four cells, in the order asked for; an empty cell is called none.</summary>
    private static WarmUpTask LookAt(Scene scene, string prefix, ref RandomStream random)
    {
        Span<WorldCell> cells = [WorldCell.Northwest, WorldCell.Northeast, WorldCell.Southwest, WorldCell.Southeast];
        int count = random.NextChance(.3) ? 1 : 1 + random.NextBelow(World.CellCount);
        var request = new StringBuilder("look at");
        var answer = new StringBuilder();
        for (int i = 0; i < count; i++)
        {
            int other = i + random.NextBelow(cells.Length - i);
            (cells[i], cells[other]) = (cells[other], cells[i]);
            request.Append(' ').Append(WorldLanguage.Word(cells[i]));
            answer.Append(i == 0 ? "" : "; ").Append(scene.At(cells[i]) is { } one ? WorldLanguage.Describe(one) : WorldLanguage.Word(cells[i]) + " none");
        }

        return new(scene, WorldLanguage.PlainSystemMessage, Join(prefix, request.Append('.').ToString()), [new(answer.Append('.').ToString(), true)], true);
    }

    private static string Prefix(double share, ref RandomStream random) => random.NextChance(share) ? RandomWords(random.NextBelow(LongestPrefix + 1), ref random) : "";

    /// <summary>Words and numbers that say nothing, some with a sign behind them; no cell, size, color or shape is among them.</summary>
    private static string RandomWords(int count, ref RandomStream random)
    {
        var text = new StringBuilder();
        for (int i = 0; i < count; i++)
        {
            text.Append(i == 0 ? "" : " ").Append(random.NextOf<string>(Fillers));
            if (random.NextChance(FillerSignShare)) text.Append(random.NextOf<string>(FillerSigns));
        }

        return text.ToString();
    }

    private static string Join(string first, string second) => first.Length == 0 || second.Length == 0 ? first + second : $"{first} {second}";
}
