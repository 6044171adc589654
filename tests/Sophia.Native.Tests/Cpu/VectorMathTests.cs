using System.Runtime.Intrinsics;
using Sophia.Native.Cpu;
using Xunit;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The polynomials against double precision, over floats taken at even steps of their bit patterns.</summary>
public sealed unsafe class VectorMathTests(ITestOutputHelper output)
{
    /// <summary>A prime, so that low mantissa bits take every value.</summary>
    private const int PatternStep = 199;

    private delegate void Map(float* destination, float* source, int count);

    public static TheoryData<string> Paths()
    {
        TheoryData<string> data = [];
        foreach (CpuPath path in CpuPaths.Supported)
            data.Add(path.ToString());
        return data;
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Exp_is_within_two_units_in_the_last_place(string path)
    {
        double worst = Math.Max(WorstUlp(Exp(path), Math.Exp, 1e-30f, 88.72283f), WorstUlp(Exp(path), Math.Exp, -1e-30f, -87.3f));
        output.WriteLine($"exp, {path}: {worst:F3} ulp");
        Assert.InRange(worst, 0, 2);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Log_is_within_two_units_in_the_last_place(string path)
    {
        double worst = WorstUlp(Log(path), Math.Log, float.Epsilon, float.MaxValue);
        output.WriteLine($"log, {path}: {worst:F3} ulp");
        Assert.InRange(worst, 0, 2);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Erf_is_within_two_units_in_the_last_place_and_odd(string path)
    {
        double worst = WorstUlp(Erf(path), ReferenceErf, 1e-30f, 6f);
        double negative = WorstUlp(Erf(path), ReferenceErf, -1e-30f, -6f);
        output.WriteLine($"erf, {path}: {worst:F3} ulp");
        Assert.InRange(worst, 0, 2);
        Assert.Equal(worst, negative);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Sigmoid_is_within_four_units_in_the_last_place(string path)
    {
        Func<double, double> reference = x => 1 / (1 + Math.Exp(-x));
        double worst = Math.Max(WorstUlp(Sigmoid(path), reference, 1e-30f, 88f), WorstUlp(Sigmoid(path), reference, -1e-30f, -87f));
        output.WriteLine($"sigmoid, {path}: {worst:F3} ulp");
        Assert.InRange(worst, 0, 4);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Special_values_are_right(string path)
    {
        float infinity = float.PositiveInfinity;
        AssertMap(Exp(path), [(0, 1), (-0f, 1), (-87.34f, 0), (-104, 0), (-1e30f, 0), (-infinity, 0), (88.7229f, infinity), (1e30f, infinity), (infinity, infinity), (float.NaN, float.NaN), (-float.NaN, float.NaN)]);
        AssertMap(Log(path), [(0, -infinity), (-0f, -infinity), (1, 0), (infinity, infinity), (-1, float.NaN), (-float.Epsilon, float.NaN), (-infinity, float.NaN), (float.NaN, float.NaN), (float.Epsilon, -103.278929903f)]);
        AssertMap(Erf(path), [(0, 0), (4, 1), (-4, -1), (infinity, 1), (-infinity, -1), (1e30f, 1), (float.NaN, float.NaN), (float.Epsilon, float.Epsilon)]);
        AssertMap(Sigmoid(path), [(0, 0.5f), (-infinity, 0), (infinity, 1), (-1000, 0), (1000, 1), (float.NaN, float.NaN)]);
        float[] zero = [-0f];
        float[] result = Apply(Erf(path), zero);
        Assert.True(float.IsNegative(result[0]));
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Position_tail_width_and_scalar_entry_points_never_change_a_bit(string path)
    {
        Random random = new(3);
        float[] source = new float[1003];
        for (int i = 0; i < source.Length; i++)
            source[i] = i % 50 == 0 ? BitConverter.Int32BitsToSingle(random.Next()) : (float)(random.NextDouble() * 40 - 20);
        bool wide = Enum.Parse<CpuPath>(path) == CpuPath.Avx512;
        (Map, Map, Func<float, float>)[] functions =
        [
            (Exp(path), Exp(nameof(CpuPath.Portable)), wide ? VectorMath<Simd512, Vector512<float>>.Exp : VectorMath<Simd256, Vector256<float>>.Exp),
            (Log(path), Log(nameof(CpuPath.Portable)), wide ? VectorMath<Simd512, Vector512<float>>.Log : VectorMath<Simd256, Vector256<float>>.Log),
            (Erf(path), Erf(nameof(CpuPath.Portable)), wide ? VectorMath<Simd512, Vector512<float>>.Erf : VectorMath<Simd256, Vector256<float>>.Erf),
            (Sigmoid(path), Sigmoid(nameof(CpuPath.Portable)), wide ? VectorMath<Simd512, Vector512<float>>.Sigmoid : VectorMath<Simd256, Vector256<float>>.Sigmoid),
        ];
        foreach ((Map map, Map portable, Func<float, float> scalar) in functions)
        {
            float[] whole = Apply(map, source);
            AssertBits(whole, Apply(portable, source));
            AssertBits(whole, Array.ConvertAll(source, x => scalar(x)));
            for (int offset = 1; offset < 40; offset++)
                AssertBits(whole[offset..], Apply(map, source[offset..]));
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Horizontal_sums_and_maxima_follow_the_stated_order(string path)
    {
        if (Enum.Parse<CpuPath>(path) == CpuPath.Avx512)
            CheckHorizontal<Simd512, Vector512<float>>();
        else
            CheckHorizontal<Simd256, Vector256<float>>();
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Partial_loads_and_stores_touch_only_their_lanes(string path)
    {
        if (Enum.Parse<CpuPath>(path) == CpuPath.Avx512)
            CheckPartial<Simd512, Vector512<float>>();
        else
            CheckPartial<Simd256, Vector256<float>>();
    }

    private static Map Exp(string path) => path == nameof(CpuPath.Avx512) ? Run<Simd512, Vector512<float>, ExpOperator> : Run<Simd256, Vector256<float>, ExpOperator>;

    private static Map Log(string path) => path == nameof(CpuPath.Avx512) ? Run<Simd512, Vector512<float>, LogOperator> : Run<Simd256, Vector256<float>, LogOperator>;

    private static Map Erf(string path) => path == nameof(CpuPath.Avx512) ? Run<Simd512, Vector512<float>, ErfOperator> : Run<Simd256, Vector256<float>, ErfOperator>;

    private static Map Sigmoid(string path) => path == nameof(CpuPath.Avx512) ? Run<Simd512, Vector512<float>, SigmoidOperator> : Run<Simd256, Vector256<float>, SigmoidOperator>;

    private interface IOperator
    {
        static abstract TVector Invoke<TSimd, TVector>(TVector x)
            where TSimd : ISimd<TVector>
            where TVector : struct;
    }

    private readonly struct ExpOperator : IOperator
    {
        public static TVector Invoke<TSimd, TVector>(TVector x)
            where TSimd : ISimd<TVector>
            where TVector : struct => VectorMath<TSimd, TVector>.Exp(x);
    }

    private readonly struct LogOperator : IOperator
    {
        public static TVector Invoke<TSimd, TVector>(TVector x)
            where TSimd : ISimd<TVector>
            where TVector : struct => VectorMath<TSimd, TVector>.Log(x);
    }

    private readonly struct ErfOperator : IOperator
    {
        public static TVector Invoke<TSimd, TVector>(TVector x)
            where TSimd : ISimd<TVector>
            where TVector : struct => VectorMath<TSimd, TVector>.Erf(x);
    }

    private readonly struct SigmoidOperator : IOperator
    {
        public static TVector Invoke<TSimd, TVector>(TVector x)
            where TSimd : ISimd<TVector>
            where TVector : struct => VectorMath<TSimd, TVector>.Sigmoid(x);
    }

    private static void Run<TSimd, TVector, TOperator>(float* destination, float* source, int count)
        where TSimd : ISimd<TVector>
        where TVector : struct
        where TOperator : IOperator
    {
        int i = 0;
        for (; i + TSimd.Width <= count; i += TSimd.Width)
            TSimd.Store(destination + i, TOperator.Invoke<TSimd, TVector>(TSimd.Load(source + i)));
        if (i < count)
            TSimd.StorePartial(destination + i, TOperator.Invoke<TSimd, TVector>(TSimd.LoadPartial(source + i, count - i)), count - i);
    }

    /// <summary>The largest error in units in the last place of the correctly rounded result, over floats between two of the same sign.</summary>
    private static double WorstUlp(Map map, Func<double, double> reference, float nearZero, float far)
    {
        const int Chunk = 4096;
        float* source = stackalloc float[Chunk];
        float* result = stackalloc float[Chunk];
        int pattern = BitConverter.SingleToInt32Bits(nearZero);
        int last = BitConverter.SingleToInt32Bits(far);
        double worst = 0;
        while (pattern <= last)
        {
            int count = 0;
            for (; count < Chunk && pattern <= last; count++, pattern += PatternStep)
                source[count] = BitConverter.Int32BitsToSingle(pattern);
            map(result, source, count);
            for (int i = 0; i < count; i++)
            {
                double expected = reference(source[i]);
                double ulp = Math.ScaleB(1, Math.Max(Math.ILogB(expected), -126) - 23);
                double error = expected == 0 ? Math.Abs(result[i]) / float.Epsilon : Math.Abs(result[i] - expected) / ulp;
                // A NaN where a number belongs must not pass as an error of nothing.
                worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
            }
        }
        return worst;
    }

    /// <summary>Series near zero, the continued fraction of erfc further out; good to about 1e-15.</summary>
    private static double ReferenceErf(double x)
    {
        double a = Math.Abs(x);
        double value;
        if (a < 2.5)
        {
            double term = a;
            double sum = a;
            for (int n = 1; Math.Abs(term) > 1e-18 * sum; n++)
            {
                term *= -a * a / n;
                sum += term / (2 * n + 1);
            }
            value = 2 / Math.Sqrt(Math.PI) * sum;
        }
        else
        {
            double fraction = a;
            for (int n = 60; n >= 1; n--)
                fraction = a + n / 2.0 / fraction;
            value = 1 - Math.Exp(-a * a) / (Math.Sqrt(Math.PI) * fraction);
        }
        return x < 0 ? -value : value;
    }

    private static void AssertMap(Map map, (float X, float Expected)[] cases)
    {
        float[] results = Apply(map, Array.ConvertAll(cases, pair => pair.X));
        for (int i = 0; i < cases.Length; i++)
        {
            Assert.True(cases[i].Expected.Equals(results[i]) || cases[i].Expected == results[i], $"f({cases[i].X:R}) is {results[i]:R}, expected {cases[i].Expected:R}");
        }
    }

    private static float[] Apply(Map map, float[] source)
    {
        float[] result = new float[source.Length];
        fixed (float* from = source, to = result)
            map(to, from, source.Length);
        return result;
    }

    private static void AssertBits(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(found[i]), $"element {i}: {expected[i]:R} and {found[i]:R}");
    }

    private static void CheckHorizontal<TSimd, TVector>()
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        Random random = new(7);
        float* lanes = stackalloc float[TSimd.Width];
        for (int trial = 0; trial < 1000; trial++)
        {
            float largest = float.NegativeInfinity;
            for (int i = 0; i < TSimd.Width; i++)
            {
                lanes[i] = (float)(random.NextDouble() - 0.5);
                largest = Math.Max(largest, lanes[i]);
            }
            float sum = TSimd.Sum(TSimd.Load(lanes));
            Assert.Equal(largest, TSimd.MaxAcross(TSimd.Load(lanes)));
            for (int half = TSimd.Width / 2; half > 0; half /= 2)
            {
                for (int i = 0; i < half; i++)
                    lanes[i] += lanes[i + half];
            }
            Assert.Equal(lanes[0], sum);
        }
    }

    private static void CheckPartial<TSimd, TVector>()
        where TSimd : ISimd<TVector>
        where TVector : struct
    {
        float* source = stackalloc float[TSimd.Width];
        float* destination = stackalloc float[TSimd.Width];
        for (int i = 0; i < TSimd.Width; i++)
            source[i] = i + 1;
        for (int count = 0; count <= TSimd.Width; count++)
        {
            TSimd.Store(destination, TSimd.LoadPartial(source, count));
            for (int i = 0; i < TSimd.Width; i++)
                Assert.Equal(i < count ? i + 1 : 0, destination[i]);
            TSimd.Store(destination, TSimd.Create(-7));
            TSimd.StorePartial(destination, TSimd.Load(source), count);
            for (int i = 0; i < TSimd.Width; i++)
                Assert.Equal(i < count ? i + 1 : -7, destination[i]);
        }
    }
}
