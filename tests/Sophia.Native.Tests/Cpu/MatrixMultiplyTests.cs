using System.Runtime.InteropServices;
using Sophia.Native.Cpu;
using Xunit;

namespace Sophia.Native.Tests.Cpu;

/// <summary>The law of bits: every product equals the scalar chain of fused multiply-adds, bit for bit.</summary>
public sealed unsafe class MatrixMultiplyTests
{
    private const float Sentinel = 12345.678f;

    public static TheoryData<string, int> PathsAndThreads()
    {
        TheoryData<string, int> data = [];
        foreach (CpuPath path in CpuPaths.Supported)
        {
            data.Add(path.ToString(), 1);
            data.Add(path.ToString(), 2);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void Every_small_shape_equals_the_scalar_chain_bitwise(string path, int threads)
    {
        using WorkerPool pool = new(threads);
        int[] sizes = [1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 24, 31, 47, 48, 49, 64, 65];
        Random random = new(1);
        foreach (int m in (int[])[1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 64])
        foreach (int n in sizes)
        foreach (int k in (int[])[0, 1, 2, 7, 16, 33])
            Check(Enum.Parse<CpuPath>(path), pool, random, m, n, k, (Layout)random.Next(4), random.Next(2) == 0, random.Next(2) == 0, onWorker: random.Next(2) == 0);
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void Blocked_shapes_equal_the_scalar_chain_bitwise(string path, int threads)
    {
        using WorkerPool pool = new(threads);
        Random random = new(2);
        (int M, int N, int K)[] shapes =
        [
            (1, 384, 257), (1, 1000, 128), (2, 769, 300), (3, 97, 1031), (5, 145, 513), (17, 640, 259), (47, 193, 517), (48, 193, 517), (61, 64, 256), (64, 64, 64), (97, 101, 103),
            (127, 49, 1024), (129, 47, 700), (131, 577, 31), (200, 128, 256), (257, 65, 511), (300, 300, 300), (509, 19, 769), (1021, 53, 64), (13, 4100, 600),
        ];
        foreach ((int m, int n, int k) in shapes)
        foreach (Layout layout in Enum.GetValues<Layout>())
            Check(Enum.Parse<CpuPath>(path), pool, random, m, n, k, layout, accumulate: random.Next(2) == 0, bias: random.Next(2) == 0, onWorker: random.Next(4) == 0);
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void More_packed_floats_than_fit_one_round_equal_the_scalar_chain_bitwise(string path, int threads)
    {
        using WorkerPool pool = new(threads);
        Check(Enum.Parse<CpuPath>(path), pool, new Random(3), 49, 2201, 1300, Layout.NormalTransposed, accumulate: true, bias: true, onWorker: false);
        Check(Enum.Parse<CpuPath>(path), pool, new Random(4), 67, 2201, 1300, Layout.NormalNormal, accumulate: false, bias: true, onWorker: false);
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void A_product_inside_a_work_item_runs_on_that_worker(string path, int threads)
    {
        using WorkerPool pool = new(threads);
        const int Items = 8;
        const int Size = 70;
        float* a = Allocate(Size * Size);
        float* c = Allocate(Items * Size * Size);
        Random random = new(5);
        Fill(random, a, Size * Size);
        NestedContext context = new() { Path = Enum.Parse<CpuPath>(path), Pool = GCHandle.ToIntPtr(GCHandle.Alloc(pool)), A = a, C = c, Size = Size };
        pool.Run(&MultiplyInside, &context, Items);
        GCHandle.FromIntPtr(context.Pool).Free();
        for (int item = 1; item < Items; item++)
            Assert.True(new Span<float>(c, Size * Size).SequenceEqual(new Span<float>(c + item * Size * Size, Size * Size)));
        Assert.Equal(Chain(0, a, 1, a, Size, Size, null), c[0]);
        NativeMemory.Free(a);
        NativeMemory.Free(c);
    }

    [Fact]
    public void A_product_allocates_no_managed_memory()
    {
        using WorkerPool pool = new(2);
        const int Size = 96;
        float* memory = Allocate(3 * Size * Size);
        Fill(new Random(6), memory, 3 * Size * Size);
        foreach (CpuPath path in CpuPaths.Supported)
        {
            MatrixProduct product = MatrixProduct.NormalTransposed(memory, Size, memory + Size * Size, Size, memory + 2 * Size * Size, Size, Size, Size, Size);
            MatrixMultiply.Multiply(path, pool, product);
            long own = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 50; i++)
                MatrixMultiply.Multiply(path, pool, product);
            Assert.Equal(own, GC.GetAllocatedBytesForCurrentThread());
        }
        NativeMemory.Free(memory);
    }

    private enum Layout
    {
        NormalNormal,
        NormalTransposed,
        TransposedNormal,
        Strided,
    }

    private struct NestedContext
    {
        public CpuPath Path;
        public nint Pool;
        public float* A;
        public float* C;
        public int Size;
    }

    private static void MultiplyInside(void* context, int index, int workerIndex)
    {
        NestedContext* nested = (NestedContext*)context;
        int size = nested->Size;
        WorkerPool pool = (WorkerPool)GCHandle.FromIntPtr(nested->Pool).Target!;
        Assert.Equal(workerIndex, pool.CurrentWorker);
        MatrixMultiply.Multiply(nested->Path, pool, MatrixProduct.NormalNormal(nested->C + index * size * size, size, nested->A, size, nested->A, size, size, size, size));
    }

    private static void Check(CpuPath path, WorkerPool pool, Random random, int m, int n, int k, Layout layout, bool accumulate, bool bias, bool onWorker)
    {
        // Operands lie between NaN, so that a read outside of them that counts shows.
        (nint rowA, nint columnA, nint sizeA) = layout == Layout.TransposedNormal ? Strides(k, m, random, transposed: true) : layout == Layout.Strided ? Spread(m, k) : Strides(m, k, random, transposed: false);
        (nint rowB, nint columnB, nint sizeB) = layout == Layout.NormalTransposed ? Strides(n, k, random, transposed: true) : layout == Layout.Strided ? Spread(k, n) : Strides(k, n, random, transposed: false);
        nint rowC = n + random.Next(5);
        const int Guard = 64;
        float* a = Allocate(sizeA + 2 * Guard) + Guard;
        float* b = Allocate(sizeB + 2 * Guard) + Guard;
        float* c = Allocate(m * rowC + 2 * Guard) + Guard;
        float* biases = Allocate(n + 2 * Guard) + Guard;
        new Span<float>(a - Guard, checked((int)sizeA + 2 * Guard)).Fill(float.NaN);
        new Span<float>(b - Guard, checked((int)sizeB + 2 * Guard)).Fill(float.NaN);
        new Span<float>(biases - Guard, n + 2 * Guard).Fill(float.NaN);
        new Span<float>(c - Guard, checked((int)(m * rowC) + 2 * Guard)).Fill(Sentinel);
        for (int i = 0; i < m; i++)
        for (int p = 0; p < k; p++)
            a[i * rowA + p * columnA] = Number(random);
        for (int p = 0; p < k; p++)
        for (int j = 0; j < n; j++)
            b[p * rowB + j * columnB] = Number(random);
        Fill(random, biases, n);
        float[] start = new float[m * n];
        for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
        {
            float value = accumulate ? Number(random) : float.NaN;
            c[i * rowC + j] = value;
            start[i * n + j] = accumulate ? value : 0;
        }

        MatrixProduct product = new()
        {
            C = c, RowStrideC = rowC, A = a, RowStrideA = rowA, ColumnStrideA = columnA, B = b, RowStrideB = rowB, ColumnStrideB = columnB,
            Bias = bias ? biases : null, M = m, N = n, K = k, Accumulate = accumulate,
        };
        if (onWorker)
            MatrixMultiply.MultiplyOnWorker(path, pool.Scratch(0), product);
        else
            MatrixMultiply.Multiply(path, pool, product);

        for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
        {
            float expected = Chain(start[i * n + j], a + i * rowA, columnA, b + j * columnB, rowB, k, bias ? biases + j : null);
            float found = c[i * rowC + j];
            Assert.True(BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(found),
                $"{path} {m}x{n}x{k} {layout} accumulate {accumulate} bias {bias} worker {onWorker}: C[{i},{j}] is {found:R}, the chain gives {expected:R}");
            c[i * rowC + j] = Sentinel;
        }
        Assert.Equal(-1, new Span<float>(c - Guard, checked((int)(m * rowC) + 2 * Guard)).IndexOfAnyExcept(Sentinel));
        NativeMemory.Free(a - Guard);
        NativeMemory.Free(b - Guard);
        NativeMemory.Free(c - Guard);
        NativeMemory.Free(biases - Guard);
    }

    private static float Chain(float start, float* a, nint strideA, float* b, nint strideB, int k, float* bias)
    {
        float sum = start;
        for (int p = 0; p < k; p++)
            sum = MathF.FusedMultiplyAdd(a[p * strideA], b[p * strideB], sum);
        return bias == null ? sum : sum + *bias;
    }

    private static (nint Row, nint Column, nint Size) Strides(int outer, int inner, Random random, bool transposed)
    {
        nint leading = inner + random.Next(4);
        return transposed ? (1, leading, outer * leading) : (leading, 1, outer * leading);
    }

    private static (nint Row, nint Column, nint Size) Spread(int rows, int columns) => (2 * columns + 3, 2, rows * (2 * columns + 3));

    private static float Number(Random random) => (float)(random.NextDouble() * 2 - 1) * MathF.ScaleB(1, random.Next(-6, 7));

    private static void Fill(Random random, float* memory, nint count)
    {
        for (nint i = 0; i < count; i++)
            memory[i] = Number(random);
    }

    private static float* Allocate(nint count) => (float*)NativeMemory.Alloc((nuint)count, sizeof(float));
}
