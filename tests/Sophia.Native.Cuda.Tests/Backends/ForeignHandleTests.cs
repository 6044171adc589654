using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Backends;

/// <summary>A host program's context, stream and memory are used and left as they were.</summary>
[Collection(Alone.Name)]
public sealed class ForeignHandleTests
{
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_host_programs_handles_are_used_and_neither_created_nor_destroyed(bool givesContext, bool givesStream)
    {
        using var control = new EmulatorControl();
        const int device = 1;
        using var context = ContextHandle.Primary(device);
        using var stream = StreamHandle.Create(context);
        using var scope = context.Enter();
        CudaError.Check(CudaDriver.cuMemAlloc_v2(out var address, 64), $"cuMemAlloc");
        var before = control.Alive(device);
        using (var backend = CudaBackend.Open(new() { Context = givesContext ? context.Value : null, Stream = givesStream ? stream.Value : null, CompilesAhead = false }))
        {
            Assert.StartsWith("cuda:1, ", backend.Description);
            Assert.Equal(givesStream, backend.Stream == stream.Value);
            Assert.Equal(givesStream ? 1 : 2, control.Count("streams", device));
            Assert.Equal(1, control.Count("contexts", device));
            using var wrapped = backend.Wrap(address, 64);
            Assert.Equal(address, wrapped.Address);
            backend.Upload<int>(wrapped.AsView(ElementType.Int32), [.. Enumerable.Range(0, 16)]);
            using var own = backend.Allocate(64);
        }
        Assert.Equal(before, control.Alive(device));
        var found = Download(address, stream.Value);
        Assert.Equal(Enumerable.Range(0, 16), found);
        CudaError.Check(CudaDriver.cuMemFree_v2(address), $"cuMemFree");
    }

    [Fact]
    public void The_callers_current_context_is_left_as_it_was()
    {
        using var control = new EmulatorControl();
        using var other = ContextHandle.Primary(2);
        // A thread of its own has no current context to begin with.
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(() =>
        {
            Use();
            Assert.Equal(0, Current());
            using (other.Enter())
            {
                Use();
                Assert.Equal(other.Value, Current());
            }
            Assert.Equal(0, Current());
        }));
        thread.Start();
        thread.Join();
        Assert.Null(failure);

        static void Use()
        {
            using var backend = CudaBackend.Open(new() { Device = 1, CompilesAhead = false });
            using var buffer = backend.Allocate(1024);
            backend.Upload<float>(buffer.AsView(), new float[256]);
            backend.Download<float>(new float[256], buffer.AsView());
            backend.Synchronize();
        }
    }

    [Fact]
    public void A_context_that_is_none_is_refused()
    {
        using var control = new EmulatorControl();
        var refusal = Assert.Throws<ArgumentOutOfRangeException>(() => CudaBackend.Open(new() { Context = 0 }));
        Assert.Contains("Context", refusal.Message);
    }

    private static nint Current()
    {
        CudaError.Check(CudaDriver.cuCtxGetCurrent(out var context), $"cuCtxGetCurrent");
        return context;
    }

    private static unsafe int[] Download(nint address, nint stream)
    {
        var found = new int[16];
        fixed (int* values = found)
        {
            CudaError.Check(CudaDriver.cuMemcpyDtoHAsync_v2(values, address, 64, stream), $"cuMemcpyDtoHAsync");
            CudaError.Check(CudaDriver.cuStreamSynchronize(stream), $"cuStreamSynchronize");
        }
        return found;
    }
}
