using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> ResidualCases()
    {
        const string source = "one product and one sum: 2 u of the terms";
        foreach (var (rows, columns) in ElementwiseShapes)
        {
            foreach (var scaled in (bool[])[true, false])
            {
                yield return new("ResidualForward", $"[{rows}, {columns}]" + (scaled ? " scaled" : ""), (instance, random) =>
                {
                    var output = instance.Output("output", rows, columns).Stored().PerRow().Within(2 * Rounding.Unit, 0, source);
                    var residual = instance.Input("residual", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                    var branch = instance.Input("branch", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                    var scale = scaled ? instance.InputVector("scale", random.Uniform(columns)).Stored().Optional() : null;
                    instance.MayAlias(output, residual);
                    instance.MayAlias(output, branch);
                    instance.Invoke = (backend, view) => backend.ResidualForward(view(output), view(residual), view(branch), view(scale));
                    instance.Reference = () =>
                    {
                        ResidualForward(output.Expected, residual.Values, branch.Values, scale?.Values, rows, columns);
                        output.Magnitude = new double[rows * columns];
                        ResidualForward(output.Magnitude, Sizes(residual.Values), Sizes(branch.Values), scale is null ? default : Sizes(scale.Values), rows, columns);
                    };
                });
            }
            foreach (var frozen in (bool[])[true, false])
            {
                yield return new("ResidualBackward", $"[{rows}, {columns}]" + (frozen ? " frozen" : ""), (instance, random) =>
                {
                    var dBranch = instance.Output("dBranch", rows, columns).Stored().PerRow().Within(2 * Rounding.Unit, 0, source);
                    var dScale = frozen ? null : instance.AccumulatedVector("dScale", random.Uniform(columns)).Optional().Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                    var dOutput = instance.Input("dOutput", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                    var branch = instance.Input("branch", rows, columns, random.Uniform(rows * columns)).Stored().PerRow();
                    var scale = instance.InputVector("scale", random.Uniform(columns)).Stored();
                    instance.Invoke = (backend, view) => backend.ResidualBackward(view(dBranch), view(dScale), view(dOutput), view(branch), view(scale));
                    instance.Reference = () =>
                    {
                        ResidualBackward(dBranch.Expected, dScale is null ? default : dScale.Expected, dOutput.Values, branch.Values, scale.Values, rows, columns);
                        if (dScale is not null)
                        {
                            dScale.Magnitude = Sizes(dScale.Values);
                            ResidualBackward(new double[rows * columns], dScale.Magnitude, Sizes(dOutput.Values), Sizes(branch.Values), scale.Values, rows, columns);
                        }
                    };
                });
            }
        }
    }
}
