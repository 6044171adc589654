namespace Sophia.Native.Cuda.Interop;

/// <summary>The numbers of cublasLt.h that are used, under the library's own names.</summary>
internal static class CublasLtCodes
{
    public const int COMPUTE_32F = 68;
    public const int R_32F = 0;
    public const int R_16BF = 14;
    public const int OP_T = 1;
    public const int EPILOGUE_BIAS = 4;
    public const int REDUCTION_SCHEME_NONE = 0;
    public const int MATMUL_DESC_TRANSA = 3;
    public const int MATMUL_DESC_TRANSB = 4;
    public const int MATMUL_DESC_EPILOGUE = 7;
    public const int MATMUL_DESC_BIAS_POINTER = 8;
    public const int MATMUL_PREF_MAX_WORKSPACE_BYTES = 1;
    public const int MATMUL_PREF_REDUCTION_SCHEME_MASK = 3;
    public const int MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5;
    public const int MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8;
    public const int STATUS_NOT_SUPPORTED = 15;
}
