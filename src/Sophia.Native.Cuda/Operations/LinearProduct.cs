namespace Sophia.Native.Cuda;

/// <summary>The products of a linear layer; the values are those of PRODUCT in kernels/linear.cu.</summary>
internal enum LinearProduct
{
    /// <summary>output = input * weight^T + bias.</summary>
    Forward = 0,

    /// <summary>dInput = dOutput * weight.</summary>
    BackwardInput = 1,

    /// <summary>dWeight += dOutput^T * input.</summary>
    BackwardWeight = 2,
}
