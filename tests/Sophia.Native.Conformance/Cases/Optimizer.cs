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
            {
                yield return AdamWCase(count, step, factor, flag, ElementType.Float32, ElementType.Float32, false);
                yield return AdamWCase(count, step, factor, flag, ElementType.Float32, ElementType.Float32, true);
                foreach (var (parameters, moments, copied) in ((ElementType, ElementType, bool)[])[
                    (ElementType.Float32, ElementType.BFloat16, false), (ElementType.Float32, ElementType.BFloat16, true), (ElementType.BFloat16, ElementType.Float32, false), (ElementType.BFloat16, ElementType.BFloat16, false),
                ])
                    yield return AdamWCase(count, step, factor, flag, parameters, moments, copied);
            }
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
            yield return ConversionCase(rows, columns, ElementType.Float32, ElementType.BFloat16);
            yield return ConversionCase(rows, columns, ElementType.BFloat16, ElementType.Float32);
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

    /// <summary>Numbers that a conversion must keep or round in a stated way: both zeros, ties to even either way, the largest number and one that rounds beyond it, the smallest, infinities and NaN.</summary>
    private static readonly double[] ConversionExtremes =
    [
        0.0, -0.0, 1.0 + 1.0 / 256, 1.0 + 3.0 / 256, -1.0 - 1.0 / 256, (float)(1.0 + 1.0 / 256 + 1.0 / (1 << 23)), float.MaxValue, -float.MaxValue, 3.3895314e38f, 1e-40f, float.Epsilon, 9.2e-41f, 4.6e-41f,
        double.PositiveInfinity, double.NegativeInfinity, double.NaN,
    ];

    private static OperationCase ConversionCase(int rows, int columns, ElementType from, ElementType to) => new("Copy", $"[{rows}, {columns}] {from} to {to}", (instance, random) =>
    {
        var values = random.Uniform(rows * columns, -3.0, 3.0);
        for (var i = 0; i < values.Length; i += 3)
            values[i] = ConversionExtremes[random.Next(0, ConversionExtremes.Length)];
        var destination = instance.Output("destination", rows, columns).StoredFreely(to).PerRow();
        var source = instance.Input("source", rows, columns, values).StoredFreely(from).PerRow();
        instance.Invoke = (backend, view) => backend.Copy(view(destination), view(source));
        instance.Reference = () =>
        {
            Copy(destination.Expected, source.Values);
            destination.RoundExpected();
        };
    }, ElementType.BFloat16);

    /// <summary>A case of Float32 alone is one of every backend; the others are cases of BFloat16.</summary>
    private static OperationCase AdamWCase(int count, int step, double factor, double flag, ElementType parameterType, ElementType momentType, bool copied) =>
        new("AdamW", $"{count} elements, step {step}, factor {factor}, flag {flag}" + (parameterType, momentType, copied) switch
        {
            (ElementType.Float32, ElementType.Float32, false) => "",
            _ => $", {parameterType} with moments of {momentType}{(copied ? " and a working copy" : "")}",
        }, (instance, random) =>
        {
            var constants = new AdamWStep
            {
                LearningRate = 1e-2, Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8, WeightDecay = 0.05, Step = step, Seed = ((ulong)random.Next(0, int.MaxValue) << 32) | (uint)random.Next(0, int.MaxValue),
            };
            const string source = "elementwise: 16 u of the parameter and of the step, 8 u of the terms of a moment";
            var (first, second, drawn) = (random.Uniform(count), random.Uniform(count, 0.01, 1.0), random.Uniform(count));
            for (var i = 3; i < count; i += 7)
                first[i] = second[i] = drawn[i] = 0.0; // a parameter that never had a gradient
            var parameters = instance.UpdatedVector("parameters", random.Uniform(count)).StoredFreely(parameterType).Within(Rounding.Elementwise, 0, source).RoundedStochastically();
            var firstMoments = instance.UpdatedVector("firstMoments", first).StoredFreely(momentType).Within(8 * Rounding.Unit, 0, source).RoundedStochastically();
            var secondMoments = instance.UpdatedVector("secondMoments", second).StoredFreely(momentType).Within(8 * Rounding.Unit, 0, source).RoundedStochastically();
            // What a step leaves alone is there already; otherwise the copy is overwritten.
            var workingCopy = !copied ? null
                : flag == 0.0 ? instance.UpdatedVector("workingCopy", random.Uniform(count)).StoredFreely(ElementType.BFloat16).Optional()
                : instance.OutputVector("workingCopy", count).StoredFreely(ElementType.BFloat16).Optional().Within(Rounding.Elementwise, 0, source);
            // Two steps with the same random bits, of which the second reads what the first rounded, are not twice the reference's step.
            instance.CanRepeat = (parameterType, momentType) is (ElementType.Float32, ElementType.Float32) || flag == 0.0;
            var gradients = instance.InputVector("gradients", drawn);
            var state = instance.InputVector("gradientState", [2.5, (float)factor, flag, 0.0]);
            instance.Invoke = (backend, view) => backend.AdamW(view(parameters), view(firstMoments), view(secondMoments), view(gradients), view(state), constants, view(workingCopy));
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
                    if (workingCopy is not null && flag != 0.0)
                        workingCopy.Expected[i] = parameters.Expected[i];
                    parameters.Magnitude[i] = Math.Abs(parameters.Values[i]) + constants.LearningRate / (1.0 - Math.Pow(constants.Beta1, step)) * firstMoments.Magnitude[i] / correction;
                }
                if (workingCopy is not null)
                    workingCopy.Magnitude = parameters.Magnitude;
            };
        }, (parameterType, momentType, copied) is (ElementType.Float32, ElementType.Float32, false) ? ElementType.Float32 : ElementType.BFloat16);
}
