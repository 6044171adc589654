namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>Measures of texts against the scenes they speak of; pure functions.</summary>
internal static class QuickstartMetrics
{
    private const string Box = @"\boxed{";

    /// <summary>What stands in the last closed <c>\boxed{ }</c> of a response, without the space around it; null without one.</summary>
    public static string? BoxedAnswer(string response)
    {
        ArgumentNullException.ThrowIfNull(response);
        int start = response.LastIndexOf(Box, StringComparison.Ordinal);
        int end = start < 0 ? -1 : response.IndexOf('}', start);
        return end < 0 ? null : response[(start + Box.Length)..end].Trim();
    }

    /// <summary>Whether the boxed answer of a response is the gold answer, word for word.</summary>
    public static bool IsRight(string response, string gold) => BoxedAnswer(response) == gold;

    /// <summary>Accuracy of responses to questions about scenes.</summary>
    /// <param name="responses">One response a question.</param>
    /// <param name="golds">The gold answers in the same order.</param>
    /// <exception cref="ArgumentException">The numbers differ, or there is none.</exception>
    public static Estimate Accuracy(IReadOnlyList<string> responses, IReadOnlyList<string> golds)
    {
        ArgumentNullException.ThrowIfNull(responses);
        ArgumentNullException.ThrowIfNull(golds);
        if (responses.Count != golds.Count || responses.Count == 0)
            throw new ArgumentException($"Expected as many responses as gold answers, and at least one, found {responses.Count} and {golds.Count}.", nameof(responses));
        int right = 0;
        for (int i = 0; i < responses.Count; i++) right += IsRight(responses[i], golds[i]) ? 1 : 0;
        return Estimate.OfShare(right, responses.Count);
    }

    /// <summary>The statements of a text about objects, true and false: the false ones contradict the image. Every statement counts, also one taken back later.</summary>
    public static ClaimCounts CountClaims(string text, Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        int right = 0, wrong = 0;
        foreach (Claim claim in ClaimParser.Parse(text))
        {
            if (scene.Contains(claim.Object)) right++;
            else wrong++;
        }

        return new ClaimCounts(right, wrong);
    }

    /// <summary>How many objects of a scene a caption names rightly, and whether it is right as a whole.</summary>
    public static CaptionScore ScoreCaption(string caption, Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        List<Claim> claims = ClaimParser.Parse(caption);
        ReadOnlySpan<SceneObject> objects = scene.Objects;
        int named = 0;
        bool whole = claims.Count == objects.Length;
        for (int i = 0; i < objects.Length; i++)
        {
            whole = whole && claims[i].Object == objects[i];
            foreach (Claim claim in claims)
            {
                if (claim.Object != objects[i]) continue;
                named++;
                break;
            }
        }

        return new CaptionScore(named, objects.Length, whole ? 1 : 0, 1);
    }
}
