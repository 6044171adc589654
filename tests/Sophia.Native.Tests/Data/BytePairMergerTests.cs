using System.Collections.Immutable;
using CsCheck;
using Sophia.Native.Data.Tokenization;
using Xunit;

namespace Sophia.Native.Tests.Data;

public sealed class BytePairMergerTests
{
    private static readonly Gen<(BytePairMerge[] Merges, int[] Word)> s_cases =
        from pairs in Gen.Select(Gen.Int[0, 11], Gen.Int[0, 11]).Array[0, 30]
        from word in Gen.Int[0, 3].Array[0, 40]
        select (MakeMerges(pairs), word);

    [Fact]
    public void Scan_and_heap_do_as_the_definition_says() => s_cases.Sample(one =>
    {
        BytePairMerger merger = new(one.Merges);
        List<int> expected = [.. one.Word];
        while (MergeOnce(expected, one.Merges))
        {
        }

        int[] scanned = [.. one.Word], heaped = [.. one.Word];
        Assert.Equal(expected, scanned[..merger.MergeByScan(scanned)]);
        Assert.Equal(expected, heaped[..merger.MergeByHeap(heaped)]);
    }, iter: 20_000);

    [Fact]
    public void A_low_rank_that_appears_late_is_merged_before_higher_ones()
    {
        // Rank 1 makes 4 of (0, 1); only then (4, 2) with rank 0 can merge, and does so before (2, 3) with rank 2.
        BytePairMerger merger = new([new(4, 2, 5), new(0, 1, 4), new(2, 3, 6)]);
        int[] word = [0, 1, 2, 3];
        Assert.Equal([5, 3], word[..merger.Merge(word)]);
    }

    /// <summary>The definition: the first place of the pair of lowest rank.</summary>
    private static bool MergeOnce(List<int> word, BytePairMerge[] merges)
    {
        foreach (BytePairMerge merge in merges)
        {
            for (int i = 0; i + 1 < word.Count; i++)
            {
                if (word[i] != merge.Left || word[i + 1] != merge.Right) continue;
                word[i] = merge.Merged;
                word.RemoveAt(i + 1);
                return true;
            }
        }

        return false;
    }

    /// <summary>Tokens 0..3 are bytes; merge i makes token 4 + i, and may use tokens that later merges make, as hostile files do.</summary>
    private static BytePairMerge[] MakeMerges((int Left, int Right)[] pairs) =>
        [.. pairs.Distinct().Select((pair, i) => new BytePairMerge(pair.Left, pair.Right, 4 + i)).ToImmutableArray()];
}
