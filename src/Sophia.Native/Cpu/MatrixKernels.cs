using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Sophia.Native.Cpu;

/// <summary>
/// The micro-kernels: a tile of C, 8, 4, 2 or 1 rows of one <typeparamref name="TRow"/> each, stays in registers while
/// one row of B after the other is loaded and multiplied with broadcast elements of A.
/// </summary>
/// <remarks>
/// Every element of the tile is one chain of fused multiply-adds in the order of k, whatever the tile's shape: that is
/// the law of <see cref="MatrixMultiply"/>. A is read by strides, packed or in place: on this loop (8 x 48: 24
/// multiply-adds, 3 loads of B and 8 broadcasts a step) the loads have room to spare.
/// Operands: c and its row stride; a with row and column strides; b with its row stride; k steps; whether the chain
/// goes on from the old C; a bias (or null) added after the chain.
/// Read <see cref="Rows1"/> first.
/// </remarks>
internal static unsafe class MatrixKernels<TRow>
    where TRow : struct, IMatrixRow<TRow>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows1(float* c, float* a, nint columnStrideA, float* b, nint rowStrideB, nint k, bool fromC, float* bias)
    {
        TRow r0 = default;
        if (fromC)
            r0 = TRow.Load(c);
        for (; k > 0; k--)
        {
            r0 = TRow.MultiplyAdd(a, TRow.Load(b), r0);
            a += columnStrideA;
            b += rowStrideB;
        }
        if (bias != null)
            r0 = TRow.Add(r0, TRow.Load(bias));
        TRow.Store(c, r0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows2(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint rowStrideB, nint k, bool fromC, float* bias)
    {
        TRow r0 = default, r1 = default;
        if (fromC)
        {
            r0 = TRow.Load(c);
            r1 = TRow.Load(c + rowStrideC);
        }
        for (; k > 0; k--)
        {
            TRow line = TRow.Load(b);
            r0 = TRow.MultiplyAdd(a, line, r0);
            r1 = TRow.MultiplyAdd(a + rowStrideA, line, r1);
            a += columnStrideA;
            b += rowStrideB;
        }
        if (bias != null)
        {
            TRow offset = TRow.Load(bias);
            r0 = TRow.Add(r0, offset);
            r1 = TRow.Add(r1, offset);
        }
        TRow.Store(c, r0);
        TRow.Store(c + rowStrideC, r1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows4(float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint rowStrideB, nint k, bool fromC, float* bias)
    {
        TRow r0 = default, r1 = default, r2 = default, r3 = default;
        if (fromC)
        {
            r0 = TRow.Load(c);
            r1 = TRow.Load(c + rowStrideC);
            r2 = TRow.Load(c + 2 * rowStrideC);
            r3 = TRow.Load(c + 3 * rowStrideC);
        }
        float* a3 = a + 3 * rowStrideA;
        for (; k > 0; k--)
        {
            TRow line = TRow.Load(b);
            r0 = TRow.MultiplyAdd(a, line, r0);
            r1 = TRow.MultiplyAdd(a + rowStrideA, line, r1);
            r2 = TRow.MultiplyAdd(a + 2 * rowStrideA, line, r2);
            r3 = TRow.MultiplyAdd(a3, line, r3);
            a += columnStrideA;
            a3 += columnStrideA;
            b += rowStrideB;
        }
        if (bias != null)
        {
            TRow offset = TRow.Load(bias);
            r0 = TRow.Add(r0, offset);
            r1 = TRow.Add(r1, offset);
            r2 = TRow.Add(r2, offset);
            r3 = TRow.Add(r3, offset);
        }
        TRow.Store(c, r0);
        TRow.Store(c + rowStrideC, r1);
        TRow.Store(c + 2 * rowStrideC, r2);
        TRow.Store(c + 3 * rowStrideC, r3);
    }

    /// <summary>Fetches one line at every step of k, from <paramref name="next"/> on, <paramref name="nextStep"/> floats further each time: what is needed later, or with step 0 what is at hand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows8(
        float* c, nint rowStrideC, float* a, nint rowStrideA, nint columnStrideA, float* b, nint rowStrideB, nint k, bool fromC, float* bias, float* next, nint nextStep)
    {
        TRow r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
        float* c4 = c + 4 * rowStrideC;
        if (fromC)
        {
            r0 = TRow.Load(c);
            r1 = TRow.Load(c + rowStrideC);
            r2 = TRow.Load(c + 2 * rowStrideC);
            r3 = TRow.Load(c + 3 * rowStrideC);
            r4 = TRow.Load(c4);
            r5 = TRow.Load(c4 + rowStrideC);
            r6 = TRow.Load(c4 + 2 * rowStrideC);
            r7 = TRow.Load(c4 + 3 * rowStrideC);
        }
        float* a3 = a + 3 * rowStrideA;
        float* a6 = a + 6 * rowStrideA;
        for (; k > 0; k--)
        {
            TRow line = TRow.Load(b);
            if (Sse.IsSupported)
                Sse.Prefetch1(next);
            next += nextStep;
            r0 = TRow.MultiplyAdd(a, line, r0);
            r1 = TRow.MultiplyAdd(a + rowStrideA, line, r1);
            r2 = TRow.MultiplyAdd(a + 2 * rowStrideA, line, r2);
            r3 = TRow.MultiplyAdd(a3, line, r3);
            r4 = TRow.MultiplyAdd(a3 + rowStrideA, line, r4);
            r5 = TRow.MultiplyAdd(a3 + 2 * rowStrideA, line, r5);
            r6 = TRow.MultiplyAdd(a6, line, r6);
            r7 = TRow.MultiplyAdd(a6 + rowStrideA, line, r7);
            a += columnStrideA;
            a3 += columnStrideA;
            a6 += columnStrideA;
            b += rowStrideB;
        }
        if (bias != null)
        {
            TRow offset = TRow.Load(bias);
            r0 = TRow.Add(r0, offset);
            r1 = TRow.Add(r1, offset);
            r2 = TRow.Add(r2, offset);
            r3 = TRow.Add(r3, offset);
            r4 = TRow.Add(r4, offset);
            r5 = TRow.Add(r5, offset);
            r6 = TRow.Add(r6, offset);
            r7 = TRow.Add(r7, offset);
        }
        TRow.Store(c, r0);
        TRow.Store(c + rowStrideC, r1);
        TRow.Store(c + 2 * rowStrideC, r2);
        TRow.Store(c + 3 * rowStrideC, r3);
        TRow.Store(c4, r4);
        TRow.Store(c4 + rowStrideC, r5);
        TRow.Store(c4 + 2 * rowStrideC, r6);
        TRow.Store(c4 + 3 * rowStrideC, r7);
    }
}
