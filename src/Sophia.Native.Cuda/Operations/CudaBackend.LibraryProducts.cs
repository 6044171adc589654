using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Launching;

namespace Sophia.Native.Cuda;

// --numerics fast: products of linear layers through cuBLASLt. Deterministic, but another number of rows may take another algorithm, hence other bits.
public sealed partial class CudaBackend
{
    /// <summary>Shapes that are remembered; training on batches of any length would otherwise collect them without end.</summary>
    private const int MostLibraryProducts = 1024;

    private readonly Dictionary<LibraryProductShape, LibraryProduct> _libraryProducts = [];

    /// <summary>The number of shapes for which an algorithm was chosen.</summary>
    internal int LibraryProducts => _libraryProducts.Count;

    /// <summary>result = first * second^T + bias through the library, if it is to be used and can: all rows at multiples of 16 bytes, the bias of the result's type.</summary>
    /// <param name="result">[R, S].</param>
    /// <param name="first">[R, K], or [K, R] if transposed.</param>
    /// <param name="isFirstTransposed">How it lies.</param>
    /// <param name="second">[S, K], or [K, S] if transposed.</param>
    /// <param name="isSecondTransposed">How it lies.</param>
    /// <param name="bias">[S], or absent.</param>
    /// <param name="accumulate">Add to the result instead of overwriting it.</param>
    /// <returns>Whether it was done.</returns>
    private bool MultipliedByLibrary(DeviceView result, DeviceView first, bool isFirstTransposed, DeviceView second, bool isSecondTransposed, DeviceView bias, bool accumulate)
    {
        if (Numerics != Numerics.Fast || !HasAlignedRows(result) || !HasAlignedRows(first) || !HasAlignedRows(second) || (!bias.IsAbsent && (bias.Type != result.Type || bias.Address % 16 != 0)))
            return false;
        var depth = isFirstTransposed ? first.Rows : first.Columns;
        if (depth == 0)
            return false;
        var shape = new LibraryProductShape(result.Rows, result.Columns, depth, isFirstTransposed, isSecondTransposed, first.Type, result.Type, first.Stride, second.Stride, result.Stride, !bias.IsAbsent);
        var (resultAddress, firstAddress, secondAddress, biasAddress) = (AddressOf(result), AddressOf(first), AddressOf(second), AddressOf(bias));
        using var scope = Enter();
        if (!_libraryProducts.TryGetValue(shape, out var product))
        {
            if (_libraryProducts.Count == MostLibraryProducts)
                ReleaseLibraryProducts();
            product = new(MatrixProducts, shape, biasAddress);
            _libraryProducts.Add(shape, product);
        }
        if (!product.IsSupported)
            return false;
        var workspace = product.WorkspaceBytes == 0 ? 0 : Scratch(ScratchSlot.Products, product.WorkspaceBytes).Address;
        product.Multiply(MatrixProducts, resultAddress, firstAddress, secondAddress, biasAddress, accumulate, workspace, _stream);
        if (SynchronizesLaunches)
            CudaError.Check(CudaDriver.cuStreamSynchronize(_stream), $"cuStreamSynchronize() after cublasLtMatmul({shape})");
        return true;
    }

    private void ReleaseLibraryProducts()
    {
        foreach (var product in _libraryProducts.Values)
            product.Dispose();
        _libraryProducts.Clear();
    }
}
