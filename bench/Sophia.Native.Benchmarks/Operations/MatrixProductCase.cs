using System.Runtime.InteropServices;
using Sophia.Native.Cpu;

namespace Sophia.Native.Benchmarks.Operations;

/// <summary>Which operands of a product are stored transposed.</summary>
public enum MatrixLayout
{
    /// <summary>dX = dY * W.</summary>
    NormalNormal,

    /// <summary>Y = X * W^T.</summary>
    NormalTransposed,

    /// <summary>dW += dY^T * X; accumulates.</summary>
    TransposedNormal,

    /// <summary>dX = dY * W with the weight in BFloat16.</summary>
    NormalNormalRounded,

    /// <summary>Y = X * W^T with the weight in BFloat16.</summary>
    NormalTransposedRounded,
}

/// <summary>One product with its operands, filled with random numbers, in memory of its own.</summary>
internal sealed unsafe class MatrixProductCase : IDisposable
{
    private readonly float* _memory;

    public MatrixProductCase(int m, int n, int k, MatrixLayout layout)
    {
        nint sizeA = (nint)m * k, sizeB = (nint)n * k, sizeC = (nint)m * n;
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)(sizeA + sizeB + sizeC + 64) * sizeof(float), 64);
        Random random = new(m + 31 * n + 997 * k);
        for (nint i = 0; i < sizeA + sizeB + sizeC; i++)
            _memory[i] = (float)(random.NextDouble() - 0.5);
        float* a = _memory;
        float* b = a + (sizeA + 15) / 16 * 16;
        float* c = b + (sizeB + 15) / 16 * 16;
        if (layout is MatrixLayout.NormalNormalRounded or MatrixLayout.NormalTransposedRounded)
        {
            // In place from the front: what is read is never yet overwritten.
            for (nint i = 0; i < sizeB; i++)
                ((BFloat16*)b)[i] = (BFloat16)b[i];
        }
        Product = layout switch
        {
            MatrixLayout.NormalNormalRounded => Rounded(MatrixProduct.NormalNormal(c, n, a, k, b, n, m, n, k)),
            MatrixLayout.NormalTransposedRounded => Rounded(MatrixProduct.NormalTransposed(c, n, a, k, b, k, m, n, k)),
            MatrixLayout.NormalNormal => MatrixProduct.NormalNormal(c, n, a, k, b, n, m, n, k),
            MatrixLayout.NormalTransposed => MatrixProduct.NormalTransposed(c, n, a, k, b, k, m, n, k),
            _ => MatrixProduct.TransposedNormal(c, n, a, m, b, n, m, n, k, accumulate: true),
        };
    }

    public MatrixProduct Product { get; }

    public double Operations => 2.0 * Product.M * Product.N * Product.K;

    private static MatrixProduct Rounded(MatrixProduct product)
    {
        product.RoundedB = (BFloat16*)product.B;
        return product;
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
