namespace Sophia.Native.Reference;

/// <summary>
/// Every operation of the engine once more, in double precision and with plain loops: what all backends are judged by. One method per operation under the operation's own name;
/// matrices are dense and row-major, sizes are explicit, an empty span is an argument that is not there. Gradients of parameters are added, other outputs overwritten, as the contract says.
/// </summary>
public static partial class ReferenceOperations
{
    /// <summary>output[n, o] = sum over c of input[n, c] * weight[o, c], + bias[o].</summary>
    public static void LinearForward(Span<double> output, ReadOnlySpan<double> input, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias, int rows, int channels, int outputs)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var o = 0; o < outputs; o++)
            {
                var sum = 0.0;
                for (var c = 0; c < channels; c++)
                    sum += input[n * channels + c] * weight[o * channels + c];
                output[n * outputs + o] = bias.IsEmpty ? sum : sum + bias[o];
            }
        }
    }

    /// <summary>dInput[n, c] (+)= sum over o of dOutput[n, o] * weight[o, c].</summary>
    public static void LinearBackwardInput(Span<double> dInput, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> weight, bool accumulate, int rows, int channels, int outputs)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                var sum = 0.0;
                for (var o = 0; o < outputs; o++)
                    sum += dOutput[n * outputs + o] * weight[o * channels + c];
                dInput[n * channels + c] = accumulate ? dInput[n * channels + c] + sum : sum;
            }
        }
    }

    /// <summary>dWeight[o, c] += sum over n of dOutput[n, o] * input[n, c].</summary>
    public static void LinearBackwardWeight(Span<double> dWeight, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> input, int rows, int channels, int outputs)
    {
        for (var o = 0; o < outputs; o++)
        {
            for (var c = 0; c < channels; c++)
            {
                var sum = 0.0;
                for (var n = 0; n < rows; n++)
                    sum += dOutput[n * outputs + o] * input[n * channels + c];
                dWeight[o * channels + c] += sum;
            }
        }
    }

    /// <summary>dBias[o] += sum over n of dOutput[n, o].</summary>
    public static void LinearBackwardBias(Span<double> dBias, ReadOnlySpan<double> dOutput, int rows, int outputs)
    {
        for (var o = 0; o < outputs; o++)
        {
            var sum = 0.0;
            for (var n = 0; n < rows; n++)
                sum += dOutput[n * outputs + o];
            dBias[o] += sum;
        }
    }
}
