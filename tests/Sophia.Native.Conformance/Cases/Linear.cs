using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private const string SumOfProducts = "sum of rounded products: (4 + 2 sqrt(n)) u of the sum of their sizes";

    private static IEnumerable<OperationCase> LinearCases()
    {
        // One row is the matrix-vector path; the others end inside tiles of rows, of outputs and of channels.
        (int Rows, int Channels, int Outputs)[] shapes =
        [
            (0, 7, 5), (1, 1, 1), (1, 64, 48), (1, 257, 131), (2, 33, 65), (3, 1, 17), (5, 16, 1), (7, 31, 29), (8, 128, 64), (13, 100, 96), (17, 513, 47), (33, 67, 211), (64, 96, 128), (131, 130, 37), (2, 1050, 2011), (96, 600, 256),
        ];
        foreach (var (rows, channels, outputs) in shapes)
        {
            var shape = $"[{rows}, {channels}] x [{outputs}, {channels}]";
            foreach (var (biased, logits) in ((bool, bool)[])[(false, false), (true, false), (false, true), (true, true)])
            {
                // Logits are Float32 beside inputs that are not.
                yield return new("LinearForward", shape + (biased ? " bias" : "") + (logits ? " to Float32" : ""), (instance, random) =>
                {
                    var output = instance.Output("output", rows, outputs).StoredFreely(logits ? ElementType.Float32 : instance.Storage).PerRow().Within(Rounding.Sum(channels), 1e-37, SumOfProducts);
                    var input = instance.Input("input", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
                    var weight = instance.Input("weight", outputs, channels, random.Uniform(outputs * channels)).Stored();
                    var bias = biased ? instance.InputVector("bias", random.Uniform(outputs)).Stored().Optional() : null;
                    instance.Invoke = (backend, view) => backend.LinearForward(view(output), view(input), view(weight), view(bias));
                    instance.Reference = () =>
                    {
                        LinearForward(output.Expected, input.Values, weight.Values, bias?.Values, rows, channels, outputs);
                        output.Magnitude = new double[rows * outputs];
                        LinearForward(output.Magnitude, Sizes(input.Values), Sizes(weight.Values), Sizes(bias?.Values), rows, channels, outputs);
                    };
                }, logits ? ElementType.BFloat16 : ElementType.Float32);
            }
            foreach (var accumulate in (bool[])[false, true])
            {
                yield return new("LinearBackwardInput", shape + (accumulate ? " accumulate" : ""), (instance, random) =>
                {
                    var dInput = accumulate
                        ? instance.Updated("dInput", rows, channels, random.Uniform(rows * channels)).Stored()
                        : instance.Output("dInput", rows, channels).Stored();
                    dInput.PerRow().Within(Rounding.Sum(outputs), 1e-37, SumOfProducts);
                    var dOutput = instance.Input("dOutput", rows, outputs, random.Uniform(rows * outputs)).Stored().PerRow();
                    var weight = instance.Input("weight", outputs, channels, random.Uniform(outputs * channels)).Stored();
                    instance.Invoke = (backend, view) => backend.LinearBackwardInput(view(dInput), view(dOutput), view(weight), accumulate);
                    instance.Reference = () =>
                    {
                        LinearBackwardInput(dInput.Expected, dOutput.Values, weight.Values, accumulate, rows, channels, outputs);
                        dInput.Magnitude = Sizes(dInput.Values);
                        LinearBackwardInput(dInput.Magnitude, Sizes(dOutput.Values), Sizes(weight.Values), accumulate, rows, channels, outputs);
                    };
                });
            }
            yield return new("LinearBackwardWeight", shape, (instance, random) =>
            {
                var dWeight = instance.Accumulated("dWeight", outputs, channels, random.Uniform(outputs * channels)).Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                var dOutput = instance.Input("dOutput", rows, outputs, random.Uniform(rows * outputs)).Stored();
                var input = instance.Input("input", rows, channels, random.Uniform(rows * channels)).Stored();
                instance.Invoke = (backend, view) => backend.LinearBackwardWeight(view(dWeight), view(dOutput), view(input));
                instance.Reference = () =>
                {
                    LinearBackwardWeight(dWeight.Expected, dOutput.Values, input.Values, rows, channels, outputs);
                    dWeight.Magnitude = Sizes(dWeight.Values);
                    LinearBackwardWeight(dWeight.Magnitude, Sizes(dOutput.Values), Sizes(input.Values), rows, channels, outputs);
                };
            });
            yield return new("LinearBackwardBias", shape, (instance, random) =>
            {
                var dBias = instance.AccumulatedVector("dBias", random.Uniform(outputs)).Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                var dOutput = instance.Input("dOutput", rows, outputs, random.Uniform(rows * outputs)).Stored().FreeRows();
                instance.Invoke = (backend, view) => backend.LinearBackwardBias(view(dBias), view(dOutput));
                instance.Reference = () =>
                {
                    LinearBackwardBias(dBias.Expected, dOutput.Values, rows, outputs);
                    dBias.Magnitude = Sizes(dBias.Values);
                    LinearBackwardBias(dBias.Magnitude, Sizes(dOutput.Values), rows, outputs);
                };
            });
        }
    }
}
