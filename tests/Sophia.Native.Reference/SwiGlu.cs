namespace Sophia.Native.Reference;

public static partial class ReferenceOperations
{
    /// <summary>output = silu(gate) * up, silu(x) = x / (1 + exp(-x)); a row of gateUp is the gate's columns, then those of up.</summary>
    public static void SwiGluForward(Span<double> output, ReadOnlySpan<double> gateUp, int rows, int columns)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var f = 0; f < columns; f++)
            {
                var gate = gateUp[n * 2 * columns + f];
                var up = gateUp[n * 2 * columns + columns + f];
                output[n * columns + f] = gate / (1.0 + Math.Exp(-gate)) * up;
            }
        }
    }

    /// <summary>With s = sigmoid(gate): dGate = dOutput * up * s * (1 + gate * (1 - s)); dUp = dOutput * gate * s.</summary>
    public static void SwiGluBackward(Span<double> dGateUp, ReadOnlySpan<double> dOutput, ReadOnlySpan<double> gateUp, int rows, int columns)
    {
        for (var n = 0; n < rows; n++)
        {
            for (var f = 0; f < columns; f++)
            {
                var gateAt = n * 2 * columns + f;
                var gate = gateUp[gateAt];
                var up = gateUp[gateAt + columns];
                var s = 1.0 / (1.0 + Math.Exp(-gate));
                dGateUp[gateAt] = dOutput[n * columns + f] * up * s * (1.0 + gate * (1.0 - s));
                dGateUp[gateAt + columns] = dOutput[n * columns + f] * gate * s;
            }
        }
    }
}
