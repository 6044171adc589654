using Sophia.Native.Cuda.Interop;
using static Sophia.Native.Cuda.Interop.CublasLtCodes;

namespace Sophia.Native.Cuda;

/// <summary>
/// A product of one shape through cuBLASLt: description, layouts, and the algorithm that is taken every time, the first that the library's heuristic names among those that do not split the sums.
/// </summary>
/// <remarks>The library counts columns first. A row-major matrix is its transpose there, so that result^T = second * first^T is computed: our second operand is its A, our first its B.</remarks>
internal sealed unsafe class LibraryProduct : IDisposable
{
    /// <summary>The most workspace an algorithm may ask for; NVIDIA recommends 32 MiB for Hopper.</summary>
    private const ulong MostWorkspaceBytes = 32 << 20;

    /// <summary>What every row is a multiple of.</summary>
    private const uint AlignmentBytes = 16;

    private readonly LibraryProductShape _shape;
    private readonly nint _description;
    private readonly nint _second;
    private readonly nint _first;
    private readonly nint _result;
    private CublasLt.HeuristicResult _heuristic;

    /// <summary>Describes a product and has an algorithm chosen; a context is current.</summary>
    public LibraryProduct(nint library, in LibraryProductShape shape, nint bias)
    {
        _shape = shape;
        try
        {
            MatrixProductsHandle.Check(CublasLt.cublasLtMatmulDescCreate(out _description, COMPUTE_32F, R_32F), $"cublasLtMatmulDescCreate()");
            if (!shape.IsSecondTransposed)
                Describe(MATMUL_DESC_TRANSA, OP_T);
            if (shape.IsFirstTransposed)
                Describe(MATMUL_DESC_TRANSB, OP_T);
            if (shape.HasBias)
            {
                Describe(MATMUL_DESC_EPILOGUE, EPILOGUE_BIAS);
                SetBias(bias);
            }
            _second = Layout(shape.Operands, shape.IsSecondTransposed ? shape.Columns : shape.Depth, shape.IsSecondTransposed ? shape.Depth : shape.Columns, shape.SecondStride);
            _first = Layout(shape.Operands, shape.IsFirstTransposed ? shape.Rows : shape.Depth, shape.IsFirstTransposed ? shape.Depth : shape.Rows, shape.FirstStride);
            _result = Layout(shape.Result, shape.Columns, shape.Rows, shape.ResultStride);
            IsSupported = Choose(library);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether the library has an algorithm that does not split the sums.</summary>
    public bool IsSupported { get; }

    /// <summary>Bytes of workspace for <see cref="Multiply"/>.</summary>
    public long WorkspaceBytes => (long)_heuristic.WorkspaceBytes;

    /// <summary>Multiplies; a context is current.</summary>
    /// <param name="library">The library's handle.</param>
    /// <param name="result">Address of the result.</param>
    /// <param name="first">Address of the first operand.</param>
    /// <param name="second">Address of the second operand.</param>
    /// <param name="bias">Address of the bias, if the shape has one.</param>
    /// <param name="accumulate">Add to the old result instead of overwriting it.</param>
    /// <param name="workspace">Address of <see cref="WorkspaceBytes"/>.</param>
    /// <param name="stream">The stream.</param>
    public void Multiply(nint library, nint result, nint first, nint second, nint bias, bool accumulate, nint workspace, nint stream)
    {
        if (_shape.HasBias)
            SetBias(bias);
        var one = 1f;
        var share = accumulate ? 1f : 0f;
        fixed (CublasLt.HeuristicResult* heuristic = &_heuristic)
        {
            MatrixProductsHandle.Check(
                CublasLt.cublasLtMatmul(library, _description, &one, second, _second, first, _first, &share, result, _result, result, _result, heuristic->Algorithm, workspace, _heuristic.WorkspaceBytes, stream),
                $"cublasLtMatmul({_shape}, result {result:x}, first {first:x}, second {second:x}, bias {bias:x}, accumulate {accumulate})");
        }
    }

    public void Dispose()
    {
        if (_result != 0)
            CublasLt.cublasLtMatrixLayoutDestroy(_result);
        if (_first != 0)
            CublasLt.cublasLtMatrixLayoutDestroy(_first);
        if (_second != 0)
            CublasLt.cublasLtMatrixLayoutDestroy(_second);
        if (_description != 0)
            CublasLt.cublasLtMatmulDescDestroy(_description);
    }

    private bool Choose(nint library)
    {
        MatrixProductsHandle.Check(CublasLt.cublasLtMatmulPreferenceCreate(out var preference), $"cublasLtMatmulPreferenceCreate()");
        try
        {
            var workspace = MostWorkspaceBytes;
            Prefer(preference, MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof(ulong));
            uint schemes = REDUCTION_SCHEME_NONE;
            Prefer(preference, MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, sizeof(uint));
            var alignment = AlignmentBytes;
            for (var matrix = MATMUL_PREF_MIN_ALIGNMENT_A_BYTES; matrix <= MATMUL_PREF_MIN_ALIGNMENT_D_BYTES; matrix++)
                Prefer(preference, matrix, &alignment, sizeof(uint));
            fixed (CublasLt.HeuristicResult* heuristic = &_heuristic)
            {
                var status = CublasLt.cublasLtMatmulAlgoGetHeuristic(library, _description, _second, _first, _result, _result, preference, 1, heuristic, out var found);
                if (status == STATUS_NOT_SUPPORTED)
                    return false;
                MatrixProductsHandle.Check(status, $"cublasLtMatmulAlgoGetHeuristic({_shape})");
                return found == 1 && heuristic->Status == 0;
            }
        }
        finally
        {
            CublasLt.cublasLtMatmulPreferenceDestroy(preference);
        }
    }

    private void Describe(int attribute, int value) =>
        MatrixProductsHandle.Check(CublasLt.cublasLtMatmulDescSetAttribute(_description, attribute, &value, sizeof(int)), $"cublasLtMatmulDescSetAttribute({attribute}, {value})");

    private void SetBias(nint bias) =>
        MatrixProductsHandle.Check(CublasLt.cublasLtMatmulDescSetAttribute(_description, MATMUL_DESC_BIAS_POINTER, &bias, (nuint)sizeof(nint)), $"cublasLtMatmulDescSetAttribute({MATMUL_DESC_BIAS_POINTER}, {bias:x})");

    private static void Prefer(nint preference, int attribute, void* value, nuint bytes) =>
        MatrixProductsHandle.Check(CublasLt.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, bytes), $"cublasLtMatmulPreferenceSetAttribute({attribute})");

    private static nint Layout(ElementType type, long rows, long columns, long stride)
    {
        MatrixProductsHandle.Check(CublasLt.cublasLtMatrixLayoutCreate(out var layout, type == ElementType.BFloat16 ? R_16BF : R_32F, (ulong)rows, (ulong)columns, stride),
            $"cublasLtMatrixLayoutCreate({type}, {rows} x {columns}, leading dimension {stride})");
        return layout;
    }
}
