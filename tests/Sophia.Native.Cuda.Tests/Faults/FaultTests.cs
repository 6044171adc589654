using System.Globalization;
using System.Text.RegularExpressions;
using Sophia.Native.Cuda.Compilation;
using Sophia.Native.Cuda.Interop;
using Sophia.Native.Cuda.Tests.Emulation;
using Sophia.Native.Models;

namespace Sophia.Native.Cuda.Tests.Faults;

/// <summary>What a broken environment does: one clear error or a stated fallback, and nothing left behind. Each fault is injected through the emulator.</summary>
[Collection(Alone.Name)]
public sealed class FaultTests
{
    private const int Device = 0;

    [Fact]
    public void A_driver_that_is_too_old_is_refused_with_both_versions()
    {
        using var control = new EmulatorControl();
        control.Configure("driver-version", "11080");
        var refusal = Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("", new()));
        Assert.Contains("is made for CUDA 11.8; expected 12.0 or newer", refusal.Message);
        Assert.Contains(Emulator.Library, refusal.Message);
    }

    [Fact]
    public void A_driver_without_a_device_is_refused()
    {
        using var control = new EmulatorControl();
        control.FailCall("cuInit", 1, CudaResult.NoDevice);
        Assert.Contains("CUDA_ERROR_NO_DEVICE (100)", Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("", new())).Message);
        Assert.Contains("expected a device from 0 to 3, found 4", Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("4", new())).Message);
        Assert.Contains("found 'cuda:x'", Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("x", new())).Message);
    }

    [Fact]
    public void A_device_without_bfloat16_is_refused_and_others_still_work()
    {
        using var control = new EmulatorControl();
        control.Configure("capability", "0=7.5");
        var refusal = Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("0", new()));
        Assert.Contains("compute capability 7.5 and no bfloat16", refusal.Message);
        using var other = CudaBackend.Provider.Open("1", new());
        Assert.Contains("sm_80", other.Description);
    }

    [Fact]
    public void A_device_that_the_compiler_does_not_know_gets_ptx()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        control.Configure("capability", "0=12.0");
        using var backend = kernels.Open();
        Assert.Contains("compute_90", backend.Description);
        Assert.Equal([1f, 4f, 9f], TestKernels.Square(backend, 1f, 2f, 3f));
        // From the cache the second time.
        using var again = kernels.Open();
        Assert.Equal([16f], TestKernels.Square(again, 4f));
    }

    [Fact]
    public void Out_of_memory_says_what_was_asked_and_what_is_free_and_leaves_the_rest_usable()
    {
        using var control = new EmulatorControl();
        var before = control.Alive(Device);
        using (var backend = CudaBackend.Open(new() { CompilesAhead = false }))
        {
            using var held = backend.Allocate(1 << 20);
            var refusal = Assert.Throws<DeviceMemoryException>(() => backend.Allocate(1L << 50));
            Assert.Equal(1L << 50, refusal.RequestedBytes);
            Assert.InRange(refusal.FreeBytes, 1, 16L << 30);
            Assert.Contains("1,125,899,906,842,624 bytes of device memory were asked for", refusal.Message);
            Assert.Contains($"{refusal.FreeBytes:N0} of", refusal.Message);
            using var more = backend.Allocate(1 << 20);
        }
        Assert.Equal(before, control.Alive(Device));
    }

    [Fact]
    public void An_arena_that_does_not_fit_says_how_it_was_planned()
    {
        using var control = new EmulatorControl();
        using var backend = CudaBackend.Open(new() { CompilesAhead = false });
        control.Configure("fail-allocation", "1");
        var refusal = Assert.Throws<DeviceMemoryException>(() => Arena.Build(backend, "activations", arena => (arena.Take("small", 1, 10), arena.Take("large", 100, 100))));
        Assert.Contains("Arena 'activations' was planned as: large 40,000 bytes, small 40 bytes.", refusal.Message);
    }

    [Fact]
    public void A_batch_that_does_not_fit_says_which_one_would()
    {
        using var control = new EmulatorControl();
        control.Configure("memory", (256L << 20).ToString(CultureInfo.InvariantCulture));
        using var backend = CudaBackend.Open(new() { CompilesAhead = false });
        var config = InternVLConfig.Load(Path.Combine(Emulator.Repository, "tests", "golden", "models", "internlm2-vit300m", "hf"));
        var plan = new ModelPlan { MaximumTokens = 1_000_000, MaximumSequences = 4, MaximumTiles = 3, Training = true };
        var refusal = Assert.Throws<DeviceMemoryException>(() => ModelWorkspace.Allocate(backend, config, plan));
        Assert.Contains("The plan: 1000000 tokens, 4 sequences, 3 tiles.", refusal.Message);
        var fitting = Regex.Match(refusal.Message, "About (\\d+) tokens would fit with 3 tiles");
        Assert.True(fitting.Success, refusal.Message);
        var tokens = int.Parse(fitting.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        using (ModelWorkspace.Allocate(backend, config, plan with { MaximumTokens = tokens }))
        {
        }
        Assert.Throws<DeviceMemoryException>(() => ModelWorkspace.Allocate(backend, config, plan with { MaximumTokens = tokens + tokens / 50 }));
    }

    [Theory]
    [InlineData("cuDevicePrimaryCtxRetain", 1)]
    [InlineData("cuStreamCreate", 1)]
    [InlineData("cuMemHostAlloc", 1)]
    [InlineData("cuEventCreate", 1)]
    [InlineData("cuMemHostAlloc", 2)]
    [InlineData("cuMemAlloc_v2", 1)]
    [InlineData("cuMemsetD8Async", 1)]
    [InlineData("cuCtxPushCurrent_v2", 1)]
    [InlineData("cuCtxPushCurrent_v2", 3)]
    public void A_call_that_fails_while_the_backend_is_opened_is_named_and_nothing_is_leaked(string call, int count)
    {
        using var control = new EmulatorControl();
        var before = control.Alive(Device);
        control.FailCall(call, count, CudaResult.OutOfMemory);
        var refusal = Assert.ThrowsAny<Exception>(() => CudaBackend.Open(new() { CompilesAhead = false }));
        Assert.True(refusal is DeviceMemoryException || refusal.Message.Contains(call.Replace("_v2", "", StringComparison.Ordinal), StringComparison.Ordinal), refusal.Message);
        Assert.Equal(before, control.Alive(Device));
        using var backend = CudaBackend.Open(new() { CompilesAhead = false });
    }

    [Fact]
    public void A_device_that_refuses_is_not_available_to_auto()
    {
        using var control = new EmulatorControl();
        control.FailCall("cuDevicePrimaryCtxRetain", 1, CudaResult.OutOfMemory);
        var refusal = Assert.Throws<BackendUnavailableException>(() => CudaBackend.Provider.Open("", new()));
        Assert.StartsWith("cuda: device 0 cannot be opened. cuDevicePrimaryCtxRetain(device 0) failed with CUDA_ERROR_OUT_OF_MEMORY (2)", refusal.Message);
    }

    [Fact]
    public void A_backend_that_was_left_has_freed_everything_even_what_was_not_disposed()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        var before = control.Alive(Device);
        for (var i = 0; i < 3; i++)
        {
            var backend = kernels.Open();
            TestKernels.Square(backend, 1f);
            backend.Scratch(Launching.ScratchSlot.Partials, 5000);
            var forgotten = backend.Allocate(12345);
            backend.Dispose();
            Assert.Equal(before, control.Alive(Device));
            Assert.Equal(0, forgotten.Address);
            forgotten.Dispose();
            backend.Dispose();
        }
    }

    [Fact]
    public void A_kernel_that_fails_is_named_at_the_next_wait_and_leaving_the_backend_still_works()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        var before = control.Alive(Device);
        using (var backend = kernels.Open())
        {
            TestKernels.Square(backend, 1f);
            control.Configure("fail-launch", "1 700");
            var failure = Assert.Throws<CudaException>(() => TestKernels.Square(backend, 2f));
            Assert.Equal(700, failure.Result);
            Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS (700)", failure.Message);
            Assert.Contains("square (rewards.cu -DSTORAGE_BITS=32)", failure.Message);
            Assert.Throws<CudaException>(backend.Synchronize);
        }
        Assert.Equal(before, control.Alive(Device));
        using var another = kernels.Open();
        Assert.Equal([9f], TestKernels.Square(another, 3f));
    }

    [Fact]
    public void A_compilation_that_fails_shows_the_compilers_log()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels("KERNEL(32) square(float* values, int count) { values[0] = undeclared_name; }");
        using var backend = kernels.Open();
        for (var i = 0; i < 2; i++)
        {
            var refusal = Assert.Throws<CudaException>(() => TestKernels.Square(backend, 1f));
            Assert.Contains("rewards.cu -DSTORAGE_BITS=32: nvrtcCompileProgram(--gpu-architecture=sm_90a", refusal.Message);
            Assert.Contains("undeclared_name", refusal.Message);
            Assert.Contains("NVRTC_ERROR_COMPILATION", refusal.Message);
        }
        Assert.False(Directory.Exists(kernels.Cache) && Directory.EnumerateFiles(kernels.Cache).Any());
    }

    [Fact]
    public void A_specialization_is_compiled_once_however_many_threads_ask_and_one_that_cannot_be_is_passed_over()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        var store = new KernelStore(DeviceArchitecture.For(90), new(kernels.Cache), KernelSources.Open(kernels.Path));
        var missing = KernelCatalog.Specializations.First(specialization => specialization.File.Name != "rewards");
        KernelSpecialization square = new(TestKernels.File, 32);
        store.Fill([missing, square, square, square, square], TestContext.Current.CancellationToken);
        Assert.Equal(1, store.CompiledCount);
        Assert.Single(Directory.GetFiles(kernels.Cache));
        Assert.Throws<FileNotFoundException>(() => store.Image(missing));
        store = new(DeviceArchitecture.For(90), new(kernels.Cache), KernelSources.Open(kernels.Path));
        Assert.True(store.Image(square).IsFromCache);
        Assert.Equal(0, store.CompiledCount);
    }

    [Fact]
    public void A_cache_folder_that_cannot_be_written_leaves_the_kernels_in_memory()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        File.WriteAllText(kernels.Cache, "a file where the folder should be");
        for (var i = 0; i < 2; i++)
        {
            using var backend = kernels.Open();
            Assert.Equal([4f], TestKernels.Square(backend, 2f));
        }
        Assert.Equal("a file where the folder should be", File.ReadAllText(kernels.Cache));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_corrupt_cubin_is_compiled_anew(bool hasRightChecksum)
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        using (var backend = kernels.Open())
            TestKernels.Square(backend, 1f);
        var path = Assert.Single(Directory.GetFiles(kernels.Cache));
        var good = File.ReadAllBytes(path);
        if (hasRightChecksum)
            new KernelCache(kernels.Cache).Write(Path.GetFileNameWithoutExtension(path), new([.. good.AsSpan(48, (good.Length - 48) / 2)], false, "", false));
        else
            File.WriteAllBytes(path, good[..^1000]);
        using (var backend = kernels.Open())
            Assert.Equal([25f], TestKernels.Square(backend, 5f));
        Assert.Equal(good.Length, new FileInfo(path).Length);
    }

    [Fact]
    public void Processes_that_compile_at_once_leave_one_whole_file()
    {
        using var control = new EmulatorControl();
        using var kernels = new TestKernels();
        var environment = new Dictionary<string, string?> { ["SOPHIA_CUDA_CACHE"] = kernels.Cache, ["SOPHIA_EMULATOR_CACHE"] = Path.Combine(kernels.Path, "emulator") };
        var children = Enumerable.Range(0, 4).Select(_ => ChildProcess.StartKernel(environment, kernels.Path)).ToArray();
        foreach (var child in children)
        {
            var (code, output, error) = ChildProcess.Finish(child);
            Assert.True(code == 0 && output == "1 4 9", $"{code}: {output} {error}");
        }
        Assert.Single(Directory.GetFiles(kernels.Cache));
        using var backend = kernels.Open();
        Assert.Equal([36f], TestKernels.Square(backend, 6f));
    }
}
