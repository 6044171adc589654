using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu.Tests.Backends;

/// <summary>Opening, foreign handles, memory, faults: what is around the operations.</summary>
public sealed class BackendTests
{
    [Theory]
    [InlineData("cpu", "groups of up to 16, without warps")]
    [InlineData("cpu:1", "groups of up to 64, warps of 32")]
    public void The_CPU_accelerator_has_two_shapes(string device, string shape)
    {
        using var backend = IlgpuBackend.Open(new() { Device = device });
        Assert.Equal("ilgpu", backend.Name);
        Assert.EndsWith(shape, backend.Description);
    }

    [Theory]
    [InlineData("cpu:7", "there is no device cpu:7")]
    [InlineData("tpu", "found 'ilgpu:tpu'")]
    [InlineData("cuda:x", "found 'ilgpu:cuda:x'")]
    [InlineData("cuda:99", "there is no device cuda:99")]
    public void A_device_that_is_not_there_is_refused_with_all_that_are(string device, string reason)
    {
        var refusal = Assert.Throws<BackendUnavailableException>(() => IlgpuBackend.Provider.Open(device, new()));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("cpu:0: CPUAccelerator, groups of up to 16 threads", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("cpu:1: CPUAccelerator, groups of up to 64 threads", refusal.Message, StringComparison.Ordinal);
        // Of each kind of GPU either a device or the reason why there is none.
        Assert.Contains("cuda:", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("opencl:", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_library_that_is_missing_is_reported_with_every_file_that_was_tried()
    {
        var lines = IlgpuDiagnostics.Report();
        Assert.Contains(lines, line => line.StartsWith("cpu:0: ", StringComparison.Ordinal));
        if (OperatingSystem.IsLinux())
            Assert.Contains(lines, line => line.Contains("libcuda.so.1: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_GPU_the_CPU_accelerator_must_be_asked_for_by_name()
    {
        if (IlgpuDiagnostics.Report().Any(line => line.StartsWith("cuda:0", StringComparison.Ordinal) || line.StartsWith("opencl:0", StringComparison.Ordinal)))
            Assert.Skip("This machine has a device besides the CPU accelerator.");
        var refusal = Assert.Throws<BackendUnavailableException>(() => IlgpuBackend.Provider.Open("", new()));
        Assert.Contains("ilgpu:cpu", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_host_programs_accelerator_and_stream_are_used_and_left_as_they_were(bool givesStream)
    {
        using var context = Context.Create(builder => builder.CPU(CPUDevice.Default));
        using var accelerator = context.CreateCPUAccelerator(0);
        using var stream = accelerator.CreateStream();
        using var memory = accelerator.Allocate1D<float>(4);
        using (var backend = IlgpuBackend.Open(new() { Accelerator = accelerator, Stream = givesStream ? stream : null }))
        {
            using var wrapped = backend.Wrap(memory.NativePtr, memory.LengthInBytes);
            Assert.Equal(memory.NativePtr, wrapped.Address);
            backend.Fill(wrapped.AsView(), 2f);
            var view = wrapped.AsView();
            backend.ResidualForward(view, view, view);
            backend.Synchronize();
        }
        Assert.False(accelerator.IsDisposed);
        Assert.False(stream.IsDisposed);
        stream.Synchronize();
        Assert.Equal([4f, 4f, 4f, 4f], memory.GetAsArray1D());
    }

    [Fact]
    public void A_stream_of_another_accelerator_is_refused()
    {
        using var context = Context.Create(builder => builder.CPU(CPUDevice.Default));
        using var accelerator = context.CreateCPUAccelerator(0);
        using var other = context.CreateCPUAccelerator(0);
        using var stream = other.CreateStream();
        Assert.Throws<ArgumentException>(() => IlgpuBackend.Open(new() { Accelerator = accelerator, Stream = stream }));
        Assert.Throws<ArgumentException>(() => IlgpuBackend.Open(new() { Stream = stream }));
    }

    [Fact]
    public unsafe void A_host_address_is_wrapped_and_not_freed()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        var memory = (float*)NativeMemory.AllocZeroed(8, sizeof(float));
        using (var wrapped = backend.Wrap((nint)memory, 8 * sizeof(float)))
            backend.Fill(wrapped.AsView(), 3f);
        backend.Synchronize();
        Assert.Equal(3f, memory[7]);
        NativeMemory.Free(memory);
    }

    [Fact]
    public void Memory_of_another_backend_is_refused()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        using var other = Native.Backend.Open("cpu");
        using var foreign = other.Allocate(64);
        using var own = backend.Allocate(64);
        var refusal = Assert.Throws<ArgumentException>(() => backend.GeluForward(own.AsView(), foreign.AsView()));
        Assert.Contains("lies in memory that is not of ilgpu:cpu:0", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_there_is_not_is_refused_with_what_there_is()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        const long bytes = 1L << 60;
        var refusal = Assert.Throws<DeviceMemoryException>(() => backend.Allocate(bytes));
        Assert.Equal(bytes, refusal.RequestedBytes);
        Assert.Contains("are free", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_data_that_only_the_device_can_see_is_an_error_at_the_next_download_and_no_later_one()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        using var memory = backend.Allocate(1024);
        var all = memory.AsView(ElementType.Int32);
        var (ids, rows) = (all.ColumnRange(0, 2), all.ColumnRange(2, 2));
        backend.Upload<int>(ids, [1, 9]);
        backend.Upload<int>(rows, [-1, -1]);
        var floats = memory.AsView();
        backend.EmbeddingForward(floats.ColumnRange(16, 4).Reshape(2, 2), floats.ColumnRange(32, 8).Reshape(4, 2), ids, default, rows);
        var fault = Assert.Throws<ArgumentException>(backend.Synchronize);
        Assert.Equal("EmbeddingForward: expected token ids inside the vocabulary, found one outside it.", fault.Message);
        backend.Synchronize();
        backend.Download(new float[4], floats.ColumnRange(16, 4));
    }

    [Fact]
    public void A_kernel_that_ILGPU_cannot_compile_is_an_error_that_names_it()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        var fault = Assert.Throws<IlgpuException>(() => backend.Launch(new Impossible(3), 1, 1, 1, operation: "TryCore"));
        Assert.StartsWith("Try: ILGPU cannot compile Impossible for ilgpu:cpu:0", fault.Message);
    }

    [Fact]
    public void A_kernel_is_loaded_once_and_a_launch_allocates_what_ILGPU_allocates_and_nothing_else()
    {
        using var backend = IlgpuBackend.Open(new() { Device = "cpu" });
        using var memory = backend.Allocate(64);
        var view = memory.AsView();
        backend.GeluForward(view, view);
        var loaded = backend.LoadedKernels;
        var accelerator = backend.Accelerator;
        var kernel = new ElementLoop<IlgpuBackend.GeluForwardElement<StoredFloat32>>(new(backend.Of<StoredFloat32>(view), backend.Of<StoredFloat32>(view)), 1, 16);
        var launcher = accelerator.LoadKernel<ElementLoop<IlgpuBackend.GeluForwardElement<StoredFloat32>>>(KernelEntry.Run);
        var config = new KernelConfig(1, 1, 1, 16, 1, 1);
        var stream = accelerator.DefaultStream;
        var own = Allocated(() => backend.GeluForward(view, view));
        var bare = Allocated(() => launcher(stream, config, kernel));
        Assert.Equal(bare, own);
        Assert.Equal(loaded, backend.LoadedKernels);
    }

    /// <summary>The least bytes of several calls: what is allocated once does not count.</summary>
    private static long Allocated(Action call)
    {
        var least = long.MaxValue;
        for (var i = 0; i < 20; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    /// <summary>A kernel with an object.</summary>
    internal readonly struct Impossible(int number) : IKernel
    {
        private readonly int _number = number;

        public void Run() => new List<int>().Add(_number);
    }
}
