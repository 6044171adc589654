using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> RopeCases()
    {
        (int Rows, int Heads, int HeadSize)[] shapes = [(0, 1, 4), (1, 1, 2), (1, 3, 6), (3, 2, 32), (5, 6, 64), (17, 3, 34), (31, 2, 128)];
        foreach (var (rows, heads, headSize) in shapes)
        {
            foreach (var inverse in (bool[])[false, true])
            {
                yield return new("Rope", $"[{rows}, {heads} x {headSize}]" + (inverse ? " inverse" : ""), (instance, random) =>
                {
                    const int longest = 50;
                    var values = instance.Updated("values", rows, heads * headSize, random.Uniform(rows * heads * headSize)).Stored().PerRow()
                        .Within(4 * Rounding.Unit, 1e-37, "two products and a sum: 4 u of the terms, which are at most the sum of the pair");
                    var angles = random.Uniform(longest * headSize / 2, -Math.PI, Math.PI);
                    var rotations = new double[longest * headSize];
                    for (var i = 0; i < angles.Length; i++)
                    {
                        var at = i / (headSize / 2) * headSize + i % (headSize / 2);
                        rotations[at] = (float)Math.Cos(angles[i]);
                        rotations[at + headSize / 2] = (float)Math.Sin(angles[i]);
                    }
                    var table = instance.Input("table", longest, headSize, rotations).FreeRows();
                    var positions = instance.Indices("positions", random.Integers(rows, 0, longest)).PerRow();
                    instance.Invoke = (backend, view) => backend.Rope(view(values), view(table), view(positions), headSize, inverse);
                    instance.Reference = () =>
                    {
                        values.Magnitude = new double[values.Values.Length];
                        for (var i = 0; i < values.Magnitude.Length; i++)
                        {
                            var head = i / headSize * headSize;
                            var pair = head + (i - head + headSize / 2) % headSize;
                            values.Magnitude[i] = Math.Abs(values.Values[i]) + Math.Abs(values.Values[pair]);
                        }
                        Rope(values.Expected, table.Values, positions.Integers, inverse, rows, heads, headSize);
                    };
                });
            }
        }
    }
}
