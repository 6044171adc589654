namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// Learns the merges of a byte-pair encoding from a list of words, each counted once, until every word is a single token.
/// Of all neighboring pairs the most frequent is merged, the first in ordinal order among equals; a sign in front of letters (the space above all)
/// joins last, so that a word and the same word behind a space share all merges but one. A pair that was merged before is merged again at once,
/// because a tokenizer, which goes by rank, does the same.
/// </summary>
internal static class BytePairTrainer
{
    /// <summary>The merges in order of rank; the concatenation of each pair is its token.</summary>
    public static List<(string Left, string Right)> Train(IEnumerable<string> words)
    {
        List<List<string>> splits = [.. words.Distinct().Select(word => word.Select(symbol => symbol.ToString()).ToList())];
        var merges = new List<(string Left, string Right)>();
        while (Next(splits, merges) is { } pair)
        {
            if (!merges.Contains(pair)) merges.Add(pair);
            foreach (List<string> split in splits) Merge(split, pair);
        }

        return merges;
    }

    private static (string Left, string Right)? Next(List<List<string>> splits, List<(string Left, string Right)> merges)
    {
        var counts = new Dictionary<(string Left, string Right), int>();
        foreach (List<string> split in splits)
        {
            for (int i = 0; i + 1 < split.Count; i++) counts[(split[i], split[i + 1])] = counts.GetValueOrDefault((split[i], split[i + 1])) + 1;
        }

        foreach ((string Left, string Right) known in merges)
        {
            if (counts.ContainsKey(known)) return known;
        }

        return counts.Keys
            .OrderBy(JoinsLast).ThenByDescending(pair => counts[pair])
            .ThenBy(pair => pair.Left, StringComparer.Ordinal).ThenBy(pair => pair.Right, StringComparer.Ordinal)
            .Select(pair => ((string, string)?)pair).FirstOrDefault();
    }

    private static bool JoinsLast((string Left, string Right) pair) => pair.Left.Length == 1 && !char.IsAsciiLetter(pair.Left[0]);

    private static void Merge(List<string> split, (string Left, string Right) pair)
    {
        for (int i = 0; i + 1 < split.Count; i++)
        {
            if (split[i] != pair.Left || split[i + 1] != pair.Right) continue;
            split[i] += split[i + 1];
            split.RemoveAt(i + 1);
        }
    }
}
