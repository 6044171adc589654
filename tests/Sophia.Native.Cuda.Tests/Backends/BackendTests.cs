using System.Runtime.InteropServices;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Launching;
using Sophia.Native.Cuda.Tests.Emulation;

namespace Sophia.Native.Cuda.Tests.Backends;

/// <summary>Memory, transfers and launches, with kernels made for the purpose, on the emulator or a GPU.</summary>
[Collection(Alone.Name)]
public sealed class BackendTests
{
    private const string AddKernel = """
        KERNEL(256) add(float* __restrict__ output, long long stride, const float* __restrict__ input, int rows, long long columns,
            float value, double factor, unsigned low, unsigned long long high, int* faults)
        {
            int row = blockIdx.x;
            if (row >= rows) return;
            for (long long column = threadIdx.x; column < columns; column += 256)
                output[row * stride + column] = input[row * columns + column] + value + static_cast<float>(factor * low * static_cast<double>(high));
            if (value < 0.0f && threadIdx.x == 0) atomicMax(faults, 2);
        }
        """;

    public BackendTests()
    {
        if (Emulator.WhyNot is { } reason)
            Assert.Skip(reason);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData((1 << 18) - 1)]
    [InlineData((1 << 18) + 1)]
    [InlineData(5_000_000)]
    public void What_is_uploaded_is_downloaded(int elements)
    {
        using var backend = Open();
        using var buffer = backend.Allocate(sizeof(int) * (elements + 2L));
        var values = new int[elements];
        Random.Shared.NextBytes(MemoryMarshal.AsBytes(values.AsSpan()));
        var view = new DeviceView(buffer, sizeof(int), 1, elements, elements, ElementType.Int32);
        backend.Upload<int>(view, values);
        var found = new int[elements];
        backend.Download<int>(found, view);
        Assert.Equal(values, found);
        Assert.Equal(0, Read(backend, new(buffer, 0, 1, 1, 1, ElementType.Int32)));
        Assert.Equal(0, Read(backend, new(buffer, sizeof(int) * (elements + 1L), 1, 1, 1, ElementType.Int32)));
    }

    [Fact]
    public void Many_small_uploads_keep_their_order_and_their_sources_may_be_reused_at_once()
    {
        using var backend = Open();
        const int count = 3000, length = 301;
        using var buffer = backend.Allocate(sizeof(int) * (long)count * length);
        var source = new int[length];
        for (var i = 0; i < count; i++)
        {
            Array.Fill(source, i);
            backend.Upload<int>(new(buffer, sizeof(int) * (long)i * length, 1, length, length, ElementType.Int32), source);
        }
        var found = new int[count * length];
        backend.Download<int>(found, buffer.AsView(ElementType.Int32));
        for (var i = 0; i < found.Length; i++)
            Assert.Equal(i / length, found[i]);
    }

    [Fact]
    public void New_memory_is_zero_even_where_other_data_lay_before()
    {
        using var backend = Open();
        for (var i = 0; i < 3; i++)
        {
            using var buffer = backend.Allocate(4096);
            var found = new byte[4096];
            backend.Download<float>(MemoryMarshal.Cast<byte, float>(found.AsSpan()), buffer.AsView());
            Assert.True(found.AsSpan().IndexOfAnyExcept((byte)0) < 0);
            Array.Fill(found, (byte)255);
            backend.Upload<float>(buffer.AsView(), MemoryMarshal.Cast<byte, float>(found.AsSpan()));
        }
    }

    [Fact]
    public void Arguments_of_every_type_reach_the_kernel()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        using var input = backend.Allocate(6 * sizeof(float));
        using var output = backend.Allocate(8 * sizeof(float));
        backend.Upload<float>(input.AsView(), [1f, 2f, 3f, 4f, 5f, 6f]);
        Add(backend, new(output, 0, 2, 3, 4, ElementType.Float32), input.AsView(), 0.5f);
        var found = new float[8];
        backend.Download<float>(found, output.AsView());
        // 0.5 + 0.25 * 3 * 2^33.
        var added = 0.5f + (float)(0.25 * 3 * (1L << 33));
        Assert.Equal([1f + added, 2f + added, 3f + added, 0f, 4f + added, 5f + added, 6f + added, 0f], found);
    }

    [Fact]
    public void A_launch_allocates_nothing()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        using var memory = backend.Allocate(6 * sizeof(float));
        var view = new DeviceView(memory, 0, 2, 3, 3, ElementType.Float32);
        var values = new float[6];
        void Work()
        {
            backend.Upload<float>(memory.AsView(), values);
            backend.Scratch(ScratchSlot.Partials, 1000);
            Add(backend, view, view, 0.5f);
            backend.Download<float>(values, memory.AsView());
        }
        Work();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++)
            Work();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void An_argument_too_few_or_of_another_size_is_refused_at_the_first_launch()
    {
        using var kernels = new TestKernels("""
            KERNEL(32) first(float* output, int count) { if (threadIdx.x == 0) output[0] = static_cast<float>(count); }
            KERNEL(32) second(float* output, int count) { if (threadIdx.x == 0) output[0] = static_cast<float>(count); }
            KERNEL(32) third(float* output, int count) { if (threadIdx.x == 0) output[0] = static_cast<float>(count); }
            """);
        using var backend = kernels.Open();
        using var memory = backend.Allocate(4);
        var tooFew = Assert.Throws<CudaException>(() =>
        {
            var launch = backend.Begin(TestKernels.File, "first", ElementType.Float32);
            launch.Add(memory.AsView());
            launch.Run(1, threads: 32);
        });
        Assert.Contains("first (rewards.cu -DSTORAGE_BITS=32) has more parameters than the launch's 1 arguments", tooFew.Message);
        var tooMany = Assert.Throws<CudaException>(() =>
        {
            var launch = backend.Begin(TestKernels.File, "second", ElementType.Float32);
            launch.Add(memory.AsView());
            launch.Add(1);
            launch.Add(2);
            launch.Run(1, threads: 32);
        });
        Assert.Contains("has 2 parameters, the launch has 3 arguments", tooMany.Message);
        var wrongSize = Assert.Throws<CudaException>(() =>
        {
            var launch = backend.Begin(TestKernels.File, "third", ElementType.Float32);
            launch.Add(memory.AsView());
            launch.Add(7L);
            launch.Run(1, threads: 32);
        });
        Assert.Contains("parameter 1 of third (rewards.cu -DSTORAGE_BITS=32) has 4 bytes, the launch's argument has 8", wrongSize.Message);
        Assert.Contains($"0x{memory.Address:x}, 7", wrongSize.Message);
    }

    [Fact]
    public void A_refused_launch_names_operation_kernel_grid_and_arguments()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        using var memory = backend.Allocate(64);
        var view = memory.AsView();
        Add(backend, view, view, 0.5f);
        var refusal = Assert.Throws<CudaException>(() => Add(backend, view, view, 0.5f, threads: 2048));
        foreach (var part in (string[])
            ["Add: cuLaunchKernel(add (rewards.cu -DSTORAGE_BITS=32)", "grid 1 x 1 x 1, 2048 threads", $"arguments 0x{memory.Address:x}, 16, 0x{memory.Address:x}, 1, 16, 0.5f, 0.25, 3u, 8589934592u", "CUDA_ERROR_INVALID_VALUE (1)"])
            Assert.Contains(part, refusal.Message);
    }

    [Fact]
    public void Bad_data_that_a_kernel_reports_is_an_error_of_the_operation_at_the_next_wait_and_then_forgotten()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        using var memory = backend.Allocate(64);
        var view = memory.AsView();
        foreach (var wait in (Action[])[backend.Synchronize, () => Read(backend, memory.AsView(ElementType.Int32).ColumnRange(0, 1))])
        {
            Add(backend, view, view, -1f);
            var refusal = Assert.Throws<ArgumentException>(wait);
            Assert.Equal("Add: expected row indices inside the matrix, found one outside it.", refusal.Message);
            Add(backend, view, view, 1f);
            wait();
        }
    }

    [Fact]
    public void Memory_of_another_backend_and_memory_that_was_freed_are_refused()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        using var cpu = Backend.Open("cpu");
        using var other = cpu.Allocate(64);
        Assert.Contains("not of cuda:0", Assert.Throws<ArgumentException>(() => Add(backend, other.AsView(), other.AsView(), 1f)).Message);
        var freed = backend.Allocate(64);
        freed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Upload<float>(freed.AsView(), new float[16]));
        backend.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Allocate(1));
    }

    [Fact]
    public void Shared_memory_beyond_what_the_device_has_is_refused_and_up_to_it_is_asked_for()
    {
        using var kernels = new TestKernels("""
            KERNEL(32) reverse(float* output, int count)
            {
                DYNAMIC_SHARED(float, values);
                values[count - 1 - threadIdx.x] = static_cast<float>(threadIdx.x);
                __syncthreads();
                output[threadIdx.x] = values[count - 32 + threadIdx.x];
            }
            """);
        using var backend = kernels.Open();
        using var memory = backend.Allocate(32 * sizeof(float));
        void Launch(int bytes)
        {
            var launch = backend.Begin(TestKernels.File, "reverse", ElementType.Float32);
            launch.Add(memory.AsView());
            launch.Add(bytes / sizeof(float));
            launch.Run(1, threads: 32, sharedBytes: bytes);
        }
        foreach (var bytes in (int[])[128, 48 * 1024, 100 * 1024, backend.Device.MaximumSharedBytes])
        {
            Launch(bytes);
            var found = new float[32];
            backend.Download<float>(found, memory.AsView());
            Assert.Equal(31f, found[0]);
        }
        Assert.Contains("bytes of shared memory for a block", Assert.Throws<CudaException>(() => Launch(backend.Device.MaximumSharedBytes + 16)).Message);
    }

    [Fact]
    public void A_specialization_outside_the_catalog_and_a_kernel_that_is_missing_are_named()
    {
        using var kernels = new TestKernels(AddKernel);
        using var backend = kernels.Open();
        var refusal = Assert.Throws<InvalidOperationException>(() => backend.Begin(new("rewards", "MORE"), "add", ElementType.Float32, 3));
        Assert.Contains("rewards.cu -DSTORAGE_BITS=32 -DMORE=3 is not in KernelCatalog", refusal.Message);
        Assert.Contains("cuModuleGetFunction(subtract in rewards.cu -DSTORAGE_BITS=32)", Assert.Throws<CudaException>(() => backend.Begin(TestKernels.File, "subtract", ElementType.Float32)).Message);
    }

    private static CudaBackend Open() => CudaBackend.Open(new() { CompilesAhead = false });

    private static int Read(CudaBackend backend, DeviceView view)
    {
        var value = new int[1];
        backend.Download<int>(value, view);
        return value[0];
    }

    private static void Add(CudaBackend backend, DeviceView output, DeviceView input, float value, int threads = 256)
    {
        var launch = backend.Begin(TestKernels.File, "add", ElementType.Float32);
        launch.AddMatrix(output);
        launch.Add(input);
        launch.Add((int)output.Rows);
        launch.Add(output.Columns);
        launch.Add(value);
        launch.Add(0.25);
        launch.Add(3u);
        launch.Add(1UL << 33);
        launch.AddFaults();
        launch.Run(output.Rows, threads: threads);
    }
}
