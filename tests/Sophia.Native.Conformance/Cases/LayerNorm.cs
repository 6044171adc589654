using static Sophia.Native.Reference.ReferenceOperations;

namespace Sophia.Native.Conformance;

public static partial class CaseTable
{
    private static IEnumerable<OperationCase> LayerNormCases()
    {
        const float epsilon = 1e-6f;
        foreach (var (rows, channels) in NormShapes)
        {
            foreach (var saved in (bool[])[true, false])
            {
                yield return new("LayerNormForward", $"[{rows}, {channels}]" + (saved ? "" : " nothing saved"), (instance, random) =>
                {
                    var output = instance.Output("output", rows, channels).Stored().PerRow().Within(Rounding.Sum(channels), 1e-37, "mean and variance of C terms: (4 + 2 sqrt(C)) u");
                    var mean = saved ? instance.OutputVector("mean", rows).Optional().PerRow().Within(Rounding.Sum(channels), 1e-37, SumOfProducts) : null;
                    var inverseDeviation = saved ? instance.OutputVector("inverseDeviation", rows).Optional().PerRow().Within(Rounding.Sum(channels), 0, "variance of C terms: (4 + 2 sqrt(C)) u") : null;
                    var input = instance.Input("input", rows, channels, Spread(random, rows, channels)).Stored().PerRow();
                    var weight = instance.InputVector("weight", random.AwayFromZero(channels)).Stored();
                    var bias = instance.InputVector("bias", random.Uniform(channels)).Stored();
                    instance.MayAlias(output, input);
                    instance.Invoke = (backend, view) => backend.LayerNormForward(view(output), view(mean), view(inverseDeviation), view(input), view(weight), view(bias), epsilon);
                    instance.Reference = () =>
                    {
                        var deviations = new double[rows];
                        LayerNormForward(output.Expected, mean is null ? default : mean.Expected, deviations, input.Values, weight.Values, bias.Values, epsilon, rows, channels);
                        output.Magnitude = new double[rows * channels];
                        for (var i = 0; i < output.Magnitude.Length; i++)
                        {
                            var rowSize = MeanSize(input.Values, i / channels, channels);
                            output.Magnitude[i] = Math.Abs(weight.Values[i % channels]) * (Math.Abs(input.Values[i]) + rowSize) * deviations[i / channels] * (1 + rowSize * deviations[i / channels] / channels)
                                + Math.Abs(bias.Values[i % channels]);
                        }
                        if (mean is null || inverseDeviation is null)
                            return;
                        deviations.CopyTo(inverseDeviation.Expected, 0);
                        mean.Magnitude = new double[rows];
                        for (var n = 0; n < rows; n++)
                            mean.Magnitude[n] = MeanSize(input.Values, n, channels);
                    };
                });
            }
            foreach (var accumulate in (bool[])[true, false])
            {
                foreach (var frozen in (bool[])[true, false])
                {
                    yield return new("LayerNormBackward", $"[{rows}, {channels}]" + (accumulate ? " accumulate" : "") + (frozen ? " frozen" : ""), (instance, random) =>
                    {
                        var dInput = accumulate ? instance.Updated("dInput", rows, channels, random.Uniform(rows * channels)).Stored() : instance.Output("dInput", rows, channels).Stored();
                        dInput.PerRow().Within(Rounding.Sum(channels), 1e-37, SumOfProducts);
                        var dWeight = frozen ? null : instance.AccumulatedVector("dWeight", random.Uniform(channels)).Optional().Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                        var dBias = frozen ? null : instance.AccumulatedVector("dBias", random.Uniform(channels)).Optional().Within(Rounding.Sum(rows), 1e-37, SumOfProducts);
                        var dOutput = instance.Input("dOutput", rows, channels, random.Uniform(rows * channels)).Stored().PerRow();
                        var input = instance.Input("input", rows, channels, Spread(random, rows, channels)).Stored().PerRow();
                        var weight = instance.InputVector("weight", random.AwayFromZero(channels)).Stored();
                        var (averages, deviations) = (new double[rows], new double[rows]);
                        LayerNormForward(new double[rows * channels], averages, deviations, input.Values, weight.Values, new double[channels], epsilon, rows, channels);
                        var mean = instance.InputVector("mean", RoundToSingle(averages)).PerRow();
                        var inverseDeviation = instance.InputVector("inverseDeviation", RoundToSingle(deviations)).PerRow();
                        if (!accumulate)
                            instance.MayAlias(dInput, dOutput);
                        instance.Invoke = (backend, view) =>
                            backend.LayerNormBackward(view(dInput), view(dWeight), view(dBias), view(dOutput), view(input), view(weight), view(mean), view(inverseDeviation), accumulate);
                        instance.Reference = () =>
                        {
                            LayerNormBackward(dInput.Expected, dWeight is null ? default : dWeight.Expected, dBias is null ? default : dBias.Expected, dOutput.Values, input.Values, weight.Values,
                                mean.Values, inverseDeviation.Values, accumulate, rows, channels);
                            SetLayerNormBackwardSizes(dInput, dWeight, dBias, dOutput.Values, input.Values, weight.Values, mean.Values, inverseDeviation.Values, channels);
                        };
                    });
                }
            }
        }
    }

    /// <summary>Rows around different means, with channels that differ by at least 1/2 from the next so that a row's variance is not small; and a constant row among others: there epsilon alone decides.</summary>
    private static double[] Spread(CaseRandom random, int rows, int channels)
    {
        var values = random.Uniform(rows * channels);
        for (var n = 0; n < rows; n++)
        {
            var center = n % 3 - 1.0;
            for (var c = 0; c < channels; c++)
                values[n * channels + c] = n == 2 ? 0.75 : (float)(center + values[n * channels + c] * 0.5 + (c % 2 == 0 ? 1.0 : -1.0));
        }
        return values;
    }

    private static double MeanSize(double[] values, int row, int channels)
    {
        var sum = 0.0;
        for (var c = 0; c < channels; c++)
            sum += Math.Abs(values[row * channels + c]);
        return sum / channels;
    }

    /// <summary>The sizes of the terms s g, s mean(g), s h mean(g h), and of the sums of the parameters' gradients, plus what was there.</summary>
    private static void SetLayerNormBackwardSizes(Argument dInput, Argument? dWeight, Argument? dBias, double[] dOutput, double[] input, double[] weight, double[] mean, double[] inverseDeviation, int channels)
    {
        dInput.Magnitude = Sizes(dInput.Values);
        if (dWeight is not null)
            dWeight.Magnitude = Sizes(dWeight.Values);
        if (dBias is not null)
            dBias.Magnitude = Sizes(dBias.Values);
        for (var n = 0; n < mean.Length; n++)
        {
            var s = inverseDeviation[n];
            double sum = 0.0, dot = 0.0;
            for (var c = 0; c < channels; c++)
            {
                var g = Math.Abs(dOutput[n * channels + c] * weight[c]);
                sum += g / channels;
                dot += g * (Math.Abs(input[n * channels + c]) + Math.Abs(mean[n])) * s / channels;
            }
            for (var c = 0; c < channels; c++)
            {
                var at = n * channels + c;
                var h = (Math.Abs(input[at]) + Math.Abs(mean[n])) * s;
                dInput.Magnitude[at] += s * (Math.Abs(dOutput[at] * weight[c]) + sum + h * dot);
                if (dWeight is not null)
                    dWeight.Magnitude![c] += Math.Abs(dOutput[at]) * h;
                if (dBias is not null)
                    dBias.Magnitude![c] += Math.Abs(dOutput[at]);
            }
        }
    }
}
