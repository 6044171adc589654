using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private const string Polynomial = "elementwise with one exp or erf polynomial: 16 u of the terms";

    // The absolute part, 2e-32: a sigmoid below the smallest normal number 1.2e-38 may be 0, and is multiplied by up to 1000 * 1000.
    private static readonly (int Rows, int Columns)[] ElementwiseShapes = [(0, 3), (1, 1), (1, 2), (2, 15), (3, 16), (5, 17), (7, 31), (13, 100), (29, 257), (41, 1001), (3, 9001)];

    private static IEnumerable<OperationCase> SwiGluCases()
    {
        foreach (var (rows, columns) in ElementwiseShapes)
        {
            yield return new("SwiGluForward", $"[{rows}, {columns}]", (instance, random) =>
            {
                var output = instance.Output("output", rows, columns).Stored().PerRow().Within(Rounding.Elementwise, 2e-32, Polynomial);
                var gateUp = instance.Input("gateUp", rows, 2 * columns, WithExtremes(random, rows * 2 * columns)).Stored().PerRow();
                instance.Invoke = (backend, view) => backend.SwiGluForward(view(output), view(gateUp));
                instance.Reference = () => SwiGluForward(output.Expected, gateUp.Values, rows, columns);
            });
            yield return new("SwiGluBackward", $"[{rows}, {columns}]", (instance, random) =>
            {
                var dGateUp = instance.Output("dGateUp", rows, 2 * columns).Stored().PerRow().Within(Rounding.Elementwise, 2e-32, Polynomial);
                var dOutput = instance.Input("dOutput", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                var gateUp = instance.Input("gateUp", rows, 2 * columns, WithExtremes(random, rows * 2 * columns)).Stored().PerRow();
                instance.MayAlias(dGateUp, gateUp);
                instance.Invoke = (backend, view) => backend.SwiGluBackward(view(dGateUp), view(dOutput), view(gateUp));
                instance.Reference = () =>
                {
                    SwiGluBackward(dGateUp.Expected, dOutput.Values, gateUp.Values, rows, columns);
                    dGateUp.Magnitude = new double[rows * 2 * columns];
                    for (var i = 0; i < rows * columns; i++)
                    {
                        var at = i / columns * 2 * columns + i % columns;
                        var (gate, up) = (gateUp.Values[at], gateUp.Values[at + columns]);
                        var s = 1.0 / (1.0 + Math.Exp(-gate));
                        dGateUp.Magnitude[at] = Math.Abs(dOutput.Values[i] * up) * s * (1.0 + Math.Abs(gate) * (1.0 - s));
                    }
                };
            });
        }
    }

    /// <summary>Values of usual size, and among them zero, values where exp underflows, and values where it overflows.</summary>
    private static double[] WithExtremes(CaseRandom random, int count)
    {
        double[] extremes = [0.0, -0.0, 1e-30, -5.5, 6.0, 20.0, -20.0, 90.0, -90.0, 150.0, -150.0, 1000.0, -1000.0];
        var values = random.Uniform(count, -4.0, 4.0);
        for (var i = 0; i < count; i++)
        {
            if (random.Next(0, 6) == 0)
                values[i] = (float)extremes[random.Next(0, extremes.Length)];
        }
        return values;
    }
}
