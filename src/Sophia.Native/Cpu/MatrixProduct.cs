namespace Sophia.Native.Cpu;

/// <summary>
/// One product C[M, N] = (accumulate ? C : 0) + A[M, K] * B[K, N], then + bias[N]. Strides count elements; C has unit
/// column stride; A and B may have any strides, so a transposed operand is the same memory with its strides swapped.
/// C may not overlap A, B or the bias.
/// </summary>
internal unsafe struct MatrixProduct
{
    public float* C;
    public nint RowStrideC;
    public float* A;
    public nint RowStrideA;
    public nint ColumnStrideA;
    public float* B;

    /// <summary>B where it is stored as BFloat16; null where it is <see cref="B"/>.</summary>
    public BFloat16* RoundedB;
    public nint RowStrideB;
    public nint ColumnStrideB;

    /// <summary>[N], or null.</summary>
    public float* Bias;
    public int M;
    public int N;
    public int K;

    /// <summary>Whether the chain of every element starts from the old C (else from 0, and C is only written).</summary>
    public bool Accumulate;

    /// <summary>Whether B is stored as BFloat16: only where its rows or its columns are contiguous.</summary>
    public readonly bool IsRounded => RoundedB != null;

    /// <summary>C[M, N] = A[M, K] * B[K, N], all row-major with the given leading strides.</summary>
    public static MatrixProduct NormalNormal(float* c, nint rowStrideC, float* a, nint rowStrideA, float* b, nint rowStrideB, int m, int n, int k, bool accumulate = false) => new()
    {
        C = c, RowStrideC = rowStrideC, A = a, RowStrideA = rowStrideA, ColumnStrideA = 1, B = b, RowStrideB = rowStrideB, ColumnStrideB = 1,
        M = m, N = n, K = k, Accumulate = accumulate,
    };

    /// <summary>C[M, N] = A[M, K] * B^T with B stored [N, K]: a linear layer's forward pass, Y = X * W^T.</summary>
    public static MatrixProduct NormalTransposed(float* c, nint rowStrideC, float* a, nint rowStrideA, float* b, nint rowStrideB, int m, int n, int k, bool accumulate = false) => new()
    {
        C = c, RowStrideC = rowStrideC, A = a, RowStrideA = rowStrideA, ColumnStrideA = 1, B = b, RowStrideB = 1, ColumnStrideB = rowStrideB,
        M = m, N = n, K = k, Accumulate = accumulate,
    };

    /// <summary>C[M, N] = A^T * B with A stored [K, M]: the gradient of a weight, dW = dY^T * X.</summary>
    public static MatrixProduct TransposedNormal(float* c, nint rowStrideC, float* a, nint rowStrideA, float* b, nint rowStrideB, int m, int n, int k, bool accumulate = false) => new()
    {
        C = c, RowStrideC = rowStrideC, A = a, RowStrideA = 1, ColumnStrideA = rowStrideA, B = b, RowStrideB = rowStrideB, ColumnStrideB = 1,
        M = m, N = n, K = k, Accumulate = accumulate,
    };

    /// <summary>Some steps of k of the product, to be taken in order: each part but the first goes on from the C of the one before it, and the last adds the bias.</summary>
    public readonly MatrixProduct Part(int first, int count)
    {
        MatrixProduct part = this;
        part.A += first * ColumnStrideA;
        if (IsRounded)
            part.RoundedB += first * RowStrideB;
        else
            part.B += first * RowStrideB;
        part.K = count;
        part.Accumulate |= first > 0;
        part.Bias = first + count == K ? Bias : null;
        return part;
    }

    /// <summary>The same product with the B that a view holds, in Float32 or BFloat16.</summary>
    public readonly MatrixProduct With(DeviceView b)
    {
        MatrixProduct product = this;
        product.B = b.Type == ElementType.Float32 ? (float*)b.Address : null;
        product.RoundedB = b.Type == ElementType.Float32 ? null : (BFloat16*)b.Address;
        return product;
    }
}
