using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Sophia.Native.Ilgpu;

/// <summary>Memory of the host program: an address, or under OpenCL a cl_mem. Disposing of it frees nothing.</summary>
internal sealed class ForeignMemory : MemoryBuffer
{
    public ForeignMemory(Accelerator accelerator, nint handle, long bytes) : base(accelerator, bytes, 1) => NativePtr = handle;

    protected override void MemSet(AcceleratorStream stream, byte value, in ArrayView<byte> targetView)
    {
        switch (stream)
        {
            case CudaStream cuda:
                CudaMemoryBuffer.CudaMemSet(cuda, value, targetView);
                break;
            case CLStream opencl:
                CLMemoryBuffer.CLMemSet(opencl, value, targetView);
                break;
            default:
                CPUMemoryBuffer.CPUMemSet(targetView.LoadEffectiveAddressAsPtr(), value, 0, targetView.LengthInBytes);
                break;
        }
    }

    protected override void CopyTo(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) => Copy(stream, sourceView, targetView);

    protected override void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) => Copy(stream, sourceView, targetView);

    protected override void DisposeAcceleratorObject(bool disposing)
    {
    }

    /// <summary>Copies bytes between views of the stream's device, or of it and the host.</summary>
    public static void Copy(AcceleratorStream stream, in ArrayView<byte> source, in ArrayView<byte> target)
    {
        switch (stream)
        {
            case CudaStream cuda:
                CudaMemoryBuffer.CudaCopy(cuda, source, target);
                break;
            case CLStream opencl:
                CLMemoryBuffer.CLCopy(opencl, source, target);
                break;
            default:
                CPUMemoryBuffer.CPUCopyTo(stream, source, target);
                break;
        }
    }
}
