using System.Runtime.InteropServices;

namespace Sophia.Native.Cuda.Interop;

/// <summary>The entry points of cuBLASLt that the fast path of the linear layers needs. Every result but 0 is an error that <see cref="cublasLtGetStatusString"/> names.</summary>
internal static unsafe partial class CublasLt
{
    public const string Library = "cublasLt";

    /// <summary>Bytes of a cublasLtMatmulAlgo_t.</summary>
    public const int AlgorithmBytes = 64;

    /// <summary>cublasLtMatmulHeuristicResult_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct HeuristicResult
    {
        public fixed ulong Algorithm[AlgorithmBytes / 8];
        public nuint WorkspaceBytes;
        public int Status;
        public float Waves;
        public fixed int Reserved[4];
    }

    [LibraryImport(Library)]
    public static partial int cublasLtCreate(out nint handle);

    [LibraryImport(Library)]
    public static partial int cublasLtDestroy(nint handle);

    [LibraryImport(Library)]
    public static partial nuint cublasLtGetVersion();

    [LibraryImport(Library)]
    public static partial byte* cublasLtGetStatusString(int status);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulDescCreate(out nint description, int computeType, int scaleType);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulDescDestroy(nint description);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulDescSetAttribute(nint description, int attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial int cublasLtMatrixLayoutCreate(out nint layout, int type, ulong rows, ulong columns, long leadingDimension);

    [LibraryImport(Library)]
    public static partial int cublasLtMatrixLayoutDestroy(nint layout);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulPreferenceCreate(out nint preference);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulPreferenceDestroy(nint preference);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulPreferenceSetAttribute(nint preference, int attribute, void* value, nuint bytes);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmulAlgoGetHeuristic(nint handle, nint description, nint layoutA, nint layoutB, nint layoutC, nint layoutD, nint preference, int requested, HeuristicResult* results, out int found);

    [LibraryImport(Library)]
    public static partial int cublasLtMatmul(nint handle, nint description, void* alpha, nint a, nint layoutA, nint b, nint layoutB, void* beta, nint c, nint layoutC, nint d, nint layoutD,
        void* algorithm, nint workspace, nuint workspaceBytes, nint stream);
}
