using Vectors = Sophia.Native.Cpu.VectorMath<Sophia.Native.Cpu.Simd256, System.Runtime.Intrinsics.Vector256<float>>;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The functions that kernels in C# call have the bits of the CPU's vectors, over floats taken at even steps of their bit patterns.</summary>
public sealed class ScalarMathTests
{
    /// <summary>A prime, so that low mantissa bits take every value.</summary>
    private const uint PatternStep = 3989;

    [Fact]
    public void Exp_has_the_bits_of_the_vectors() => Compare(ScalarMath.Exp, Vectors.Exp);

    [Fact]
    public void Log_has_the_bits_of_the_vectors() => Compare(ScalarMath.Log, Vectors.Log);

    [Fact]
    public void Erf_has_the_bits_of_the_vectors() => Compare(ScalarMath.Erf, Vectors.Erf);

    [Fact]
    public void Sigmoid_has_the_bits_of_the_vectors() => Compare(ScalarMath.Sigmoid, Vectors.Sigmoid);

    private static void Compare(Func<float, float> scalar, Func<float, float> vector)
    {
        foreach (var special in (float[])[0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.Epsilon, -87.3365f, 88.72284f, 0.921875f])
            Same(special);
        for (ulong bits = 0; bits <= uint.MaxValue; bits += PatternStep)
            Same(BitConverter.UInt32BitsToSingle((uint)bits));

        void Same(float x)
        {
            var (expected, found) = (vector(x), scalar(x));
            if (BitConverter.SingleToInt32Bits(expected) != BitConverter.SingleToInt32Bits(found) && !(float.IsNaN(expected) && float.IsNaN(found)))
                Assert.Fail($"{x:R}: {expected:R} in a vector, {found:R} alone.");
        }
    }
}
