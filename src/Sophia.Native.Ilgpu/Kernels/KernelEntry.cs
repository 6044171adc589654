namespace Sophia.Native.Ilgpu.Kernels;

/// <summary>The method that ILGPU compiles for every kernel: ILGPU wants a static one.</summary>
internal static class KernelEntry
{
    public static void Run<TKernel>(TKernel kernel)
        where TKernel : struct, IKernel => kernel.Run();
}
