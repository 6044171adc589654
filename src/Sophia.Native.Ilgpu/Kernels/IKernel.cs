namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>A kernel: a struct that holds its arguments, and what one thread does with them.</summary>
internal interface IKernel
{
    /// <summary>The work of the thread at <see cref="ILGPU.Group"/> and <see cref="ILGPU.Grid"/>.</summary>
    void Run();
}
