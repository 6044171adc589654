using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> EmbeddingCases()
    {
        (int Rows, int Vocabulary, int Channels, int Visual)[] shapes = [(0, 3, 4, 0), (1, 1, 1, 0), (5, 3, 17, 2), (9, 40, 33, 9), (37, 11, 64, 13), (64, 500, 96, 0), (2, 2, 2800, 1)];
        foreach (var (rows, vocabulary, channels, visualCount) in shapes)
        {
            var shape = $"[{rows}, {channels}] of {vocabulary}" + (visualCount > 0 ? $", {visualCount} visual" : "");
            yield return new("EmbeddingForward", shape, (instance, random) =>
            {
                var output = instance.Output("output", rows, channels).Stored().PerRow();
                var table = instance.Input("table", vocabulary, channels, random.Uniform(vocabulary * channels)).Stored().FreeRows();
                var ids = instance.Indices("ids", random.Integers(rows, 0, vocabulary)).PerRow();
                var visual = visualCount > 0 ? instance.Input("visual", visualCount, channels, random.Uniform(visualCount * channels)).Stored().FreeRows().Optional() : null;
                var visualRows = instance.Indices("visualRows", VisualRows(random, rows, visualCount)).PerRow();
                instance.Invoke = (backend, view) => backend.EmbeddingForward(view(output), view(table), view(ids), view(visual), view(visualRows));
                instance.Reference = () => EmbeddingForward(output.Expected, table.Values, ids.Integers, visual?.Values, visualRows.Integers, channels);
            });
            foreach (var (needsTable, needsVisual) in ((bool, bool)[])[(true, true), (false, true), (true, false)])
            {
                yield return new("EmbeddingBackward", shape + (needsTable ? "" : " frozen table") + (needsVisual ? "" : " no visual gradient"), (instance, random) =>
                {
                    var dTable = needsTable ? instance.Accumulated("dTable", vocabulary, channels, random.Uniform(vocabulary * channels)).FreeRows().Optional().Within(Rounding.Sum(rows), 0, SumOfProducts) : null;
                    var dVisual = needsVisual && visualCount > 0 ? instance.Updated("dVisual", visualCount + 2, channels, random.Uniform((visualCount + 2) * channels)).Stored().FreeRows().Optional() : null;
                    var dOutput = instance.Input("dOutput", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
                    var ids = instance.Indices("ids", random.Integers(rows, 0, vocabulary)).PerRow();
                    var visualRows = instance.Indices("visualRows", VisualRows(random, rows, visualCount)).PerRow();
                    instance.Invoke = (backend, view) => backend.EmbeddingBackward(view(dTable), view(dVisual), view(dOutput), view(ids), view(visualRows));
                    instance.Reference = () =>
                    {
                        EmbeddingBackward(dTable is null ? default : dTable.Expected, dVisual is null ? default : dVisual.Expected, dOutput.Values, ids.Integers, visualRows.Integers, channels);
                        if (dTable is not null)
                        {
                            dTable.Magnitude = Sizes(dTable.Values);
                            EmbeddingBackward(dTable.Magnitude, default, Sizes(dOutput.Values), ids.Integers, visualRows.Integers, channels);
                        }
                    };
                });
            }
        }
    }

    /// <summary>Every visual row once, at random places; minus one elsewhere.</summary>
    private static int[] VisualRows(CaseRandom random, int rows, int visualCount)
    {
        var places = random.Permutation(rows);
        var visualRows = new int[rows];
        Array.Fill(visualRows, -1);
        for (var i = 0; i < visualCount; i++)
            visualRows[places[i]] = i;
        return visualRows;
    }
}
