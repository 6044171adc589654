using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> GeluCases()
    {
        foreach (var (rows, columns) in ElementwiseShapes)
        {
            yield return new("GeluForward", $"[{rows}, {columns}]", (instance, random) =>
            {
                var output = instance.Output("output", rows, columns).Stored().PerRow().Within(Rounding.Elementwise, 1e-35, Polynomial);
                var input = instance.Input("input", rows, columns, WithExtremes(random, rows * columns)).Stored().PerRow();
                instance.MayAlias(output, input);
                instance.Invoke = (backend, view) => backend.GeluForward(view(output), view(input));
                instance.Reference = () =>
                {
                    GeluForward(output.Expected, input.Values);
                    output.Magnitude = Sizes(input.Values);
                };
            });
            yield return new("GeluBackward", $"[{rows}, {columns}]", (instance, random) =>
            {
                var dInput = instance.Output("dInput", rows, columns).Stored().PerRow().Within(Rounding.Elementwise, 1e-35, Polynomial);
                var dOutput = instance.Input("dOutput", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                var input = instance.Input("input", rows, columns, WithExtremes(random, rows * columns)).Stored().PerRow();
                instance.MayAlias(dInput, dOutput);
                instance.Invoke = (backend, view) => backend.GeluBackward(view(dInput), view(dOutput), view(input));
                instance.Reference = () =>
                {
                    GeluBackward(dInput.Expected, dOutput.Values, input.Values);
                    dInput.Magnitude = Sizes(dOutput.Values);
                };
            });
        }
    }
}
