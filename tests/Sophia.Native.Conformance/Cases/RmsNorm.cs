using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    /// <summary>From a single element to rows that no registers hold.</summary>
    private static readonly (int Rows, int Channels)[] NormShapes =
        [(0, 8), (1, 1), (1, 1024), (2, 7), (3, 17), (5, 64), (7, 100), (33, 31), (4, 1153), (6, 896), (67, 96), (190, 211), (1, 4099), (2, 8201)];

    private static IEnumerable<OperationCase> RmsNormCases()
    {
        const float epsilon = 1e-6f;
        foreach (var (rows, channels) in NormShapes)
        {
            foreach (var saved in (bool[])[true, false])
            {
                yield return new("RmsNormForward", $"[{rows}, {channels}]" + (saved ? "" : " nothing saved"), (instance, random) =>
                {
                    var output = instance.Output("output", rows, channels).Stored().PerRow().Within(Rounding.Sum(channels), 0, "mean of C squares: (4 + 2 sqrt(C)) u");
                    var inverseRms = saved ? instance.OutputVector("inverseRms", rows).Optional().PerRow().Within(Rounding.Sum(channels), 0, "mean of C squares: (4 + 2 sqrt(C)) u") : null;
                    var input = instance.Input("input", rows, channels, NormInput(random, rows, channels)).Stored().PerRow();
                    var weight = instance.InputVector("weight", random.AwayFromZero(channels)).Stored();
                    instance.MayAlias(output, input);
                    instance.Invoke = (backend, view) => backend.RmsNormForward(view(output), view(inverseRms), view(input), view(weight), epsilon);
                    instance.Reference = () => RmsNormForward(output.Expected, inverseRms?.Expected, input.Values, weight.Values, epsilon, rows, channels);
                });
            }
            foreach (var accumulate in (bool[])[true, false])
            {
                foreach (var frozen in (bool[])[true, false])
                {
                    yield return new("RmsNormBackward", $"[{rows}, {channels}]" + (accumulate ? " accumulate" : "") + (frozen ? " frozen" : ""), (instance, random) =>
                    {
                        var dInput = accumulate ? instance.Updated("dInput", rows, channels, random.Uniform(rows * channels)).Stored() : instance.Output("dInput", rows, channels).Stored();
                        dInput.PerRow().Within(Rounding.Sum(channels), 1e-37, SumOfProducts);
                        var dWeight = frozen ? null : instance.AccumulatedVector("dWeight", random.Uniform(channels)).Optional().Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                        var dOutput = instance.Input("dOutput", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
                        var input = instance.Input("input", rows, channels, NormInput(random, rows, channels)).Stored().PerRow();
                        var weight = instance.InputVector("weight", random.AwayFromZero(channels)).Stored();
                        var inverse = new double[rows];
                        RmsNormForward(new double[rows * channels], inverse, input.Values, weight.Values, epsilon, rows, channels);
                        var inverseRms = instance.InputVector("inverseRms", RoundToSingle(inverse)).PerRow();
                        if (!accumulate)
                            instance.MayAlias(dInput, dOutput);
                        instance.Invoke = (backend, view) => backend.RmsNormBackward(view(dInput), view(dWeight), view(dOutput), view(input), view(weight), view(inverseRms), accumulate);
                        instance.Reference = () =>
                        {
                            RmsNormBackward(dInput.Expected, dWeight is null ? default : dWeight.Expected, dOutput.Values, input.Values, weight.Values, inverseRms.Values, accumulate, rows, channels);
                            dInput.Magnitude = RmsNormBackwardSizes(dOutput.Values, input.Values, weight.Values, inverseRms.Values, dInput.Values, channels);
                            if (dWeight is not null)
                            {
                                dWeight.Magnitude = Sizes(dWeight.Values);
                                RmsNormBackward(new double[rows * channels], dWeight.Magnitude, Sizes(dOutput.Values), Sizes(input.Values), weight.Values, inverseRms.Values, false, rows, channels);
                            }
                        };
                    });
                }
            }
        }
    }

    /// <summary>Values away from zero, and a row of zeros among others: there epsilon alone decides.</summary>
    private static double[] NormInput(CaseRandom random, int rows, int channels)
    {
        var values = random.AwayFromZero(rows * channels);
        if (rows > 2)
            Array.Clear(values, 2 * channels, channels);
        return values;
    }

    /// <summary>|r g| + |x| r^3 mean |g x|, plus what was there.</summary>
    private static double[] RmsNormBackwardSizes(double[] dOutput, double[] input, double[] weight, double[] inverseRms, double[] before, int channels)
    {
        var sizes = Sizes(before);
        for (var n = 0; n < inverseRms.Length; n++)
        {
            var mean = 0.0;
            for (var c = 0; c < channels; c++)
                mean += Math.Abs(dOutput[n * channels + c] * weight[c] * input[n * channels + c]) / channels;
            for (var c = 0; c < channels; c++)
            {
                var at = n * channels + c;
                sizes[at] += Math.Abs(inverseRms[n] * dOutput[at] * weight[c]) + Math.Abs(input[at]) * Math.Pow(inverseRms[n], 3) * mean;
            }
        }
        return sizes;
    }

    private static double[] RoundToSingle(double[] values) => Array.ConvertAll(values, value => (double)(float)value);
}
