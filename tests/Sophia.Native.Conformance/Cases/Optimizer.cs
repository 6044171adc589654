using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static readonly int[] VectorLengths = [0, 1, 15, 17, 100, 4095, 4096, 4097, 9001, 70001];

    private static IEnumerable<OperationCase> OptimizerCases()
    {
        foreach (var count in VectorLengths)
        {
            foreach (var maximumNorm in (float[])[0.5f, 1e6f, float.PositiveInfinity])
            {
                yield return new("GradientNorm", $"{count} elements, at most {maximumNorm}", (instance, random) =>
                {
                    var state = instance.OutputVector("state", Backend.GradientStateLength).Within(Rounding.Sum(count), 1e-37, "a sum of n squares of one sign: (4 + 2 sqrt(n)) u");
                    // The absent view is a vector without elements, whose norm is 0.
                    var gradients = instance.InputVector("gradients", random.Uniform(count, -2.0, 2.0)).FreeColumns().Optional();
                    instance.Invoke = (backend, view) => backend.GradientNorm(view(state), view(gradients), maximumNorm);
                    instance.Reference = () => GradientNorm(state.Expected, gradients.Values, maximumNorm);
                });
            }
            foreach (var (step, factor, flag) in ((int, double, double)[])[(1, 1.0, 1.0), (3, 0.25, 1.0), (1000, 1.0, 1.0), (2, 1.0, 0.0)])
                yield return AdamWCase(count, step, factor, flag);
        }
        foreach (var (rows, columns) in ElementwiseShapes)
        {
            foreach (var type in (ElementType[])[ElementType.Float32, ElementType.Float64])
            {
                yield return new("Fill", $"[{rows}, {columns}] {type}", (instance, random) =>
                {
                    var value = (float)random.Uniform(1)[0];
                    var target = instance.Add(new("view", ArgumentRole.Output, type, rows, columns, false, null)).FreeRows().FreeColumns();
                    instance.Invoke = (backend, view) => backend.Fill(view(target), value);
                    instance.Reference = () => Fill(target.Expected, value);
                });
            }
            foreach (var type in Enum.GetValues<ElementType>())
            {
                yield return new("Copy", $"[{rows}, {columns}] {type}", (instance, random) =>
                {
                    // Whole numbers up to 100 are exact in every type.
                    var values = Array.ConvertAll(random.Integers(rows * columns, -100, 100), value => (double)value);
                    var destination = instance.Add(new("destination", ArgumentRole.Output, type, rows, columns, false, null)).PerRow();
                    var source = instance.Add(new("source", ArgumentRole.Input, type, rows, columns, false, values)).PerRow();
                    instance.Invoke = (backend, view) => backend.Copy(view(destination), view(source));
                    instance.Reference = () => Copy(destination.Expected, source.Values);
                });
            }
        }
    }

    private static OperationCase AdamWCase(int count, int step, double factor, double flag) =>
        new("AdamW", $"{count} elements, step {step}, factor {factor}, flag {flag}", (instance, random) =>
        {
            var constants = new AdamWStep { LearningRate = 1e-2, Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8, WeightDecay = 0.05, Step = step };
            const string source = "elementwise: 16 u of the parameter and of the step, 8 u of the terms of a moment";
            var (first, second, drawn) = (random.Uniform(count), random.Uniform(count, 0.01, 1.0), random.Uniform(count));
            for (var i = 3; i < count; i += 7)
                first[i] = second[i] = drawn[i] = 0.0; // a parameter that never had a gradient
            var parameters = instance.UpdatedVector("parameters", random.Uniform(count)).Within(Rounding.Elementwise, 0, source);
            var firstMoments = instance.UpdatedVector("firstMoments", first).Within(8 * Rounding.Unit, 0, source);
            var secondMoments = instance.UpdatedVector("secondMoments", second).Within(8 * Rounding.Unit, 0, source);
            var gradients = instance.InputVector("gradients", drawn);
            var state = instance.InputVector("gradientState", [2.5, (float)factor, flag, 0.0]);
            instance.Invoke = (backend, view) => backend.AdamW(view(parameters), view(firstMoments), view(secondMoments), view(gradients), view(state), constants);
            instance.Reference = () =>
            {
                AdamW(parameters.Expected, firstMoments.Expected, secondMoments.Expected, gradients.Values, state.Values, constants.LearningRate, constants.Beta1, constants.Beta2, constants.Epsilon,
                    constants.WeightDecay, step);
                parameters.Magnitude = new double[count];
                firstMoments.Magnitude = new double[count];
                for (var i = 0; i < count; i++)
                {
                    firstMoments.Magnitude[i] = Math.Abs(firstMoments.Values[i]) + Math.Abs(gradients.Values[i]);
                    var correction = Math.Sqrt(secondMoments.Expected[i] / (1.0 - Math.Pow(constants.Beta2, step))) + constants.Epsilon;
                    parameters.Magnitude[i] = Math.Abs(parameters.Values[i]) + constants.LearningRate / (1.0 - Math.Pow(constants.Beta1, step)) * firstMoments.Magnitude[i] / correction;
                }
            };
        });
}
