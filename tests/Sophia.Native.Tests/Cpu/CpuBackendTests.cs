using Sophia.Native.Cpu;

namespace Sophia.Native.Tests.Cpu;

/// <summary>What the conformance table does not see: the choice of the path, allocations, and bits over numbers of threads.</summary>
public sealed class CpuBackendTests
{
    public static TheoryData<string> Paths() => [.. CpuPaths.Supported.Select(path => path == CpuPath.Avx512 ? "avx512" : "portable")];

    [Fact]
    public void The_portable_path_can_always_be_asked_for()
    {
        using var backend = Backend.Open("cpu", new BackendOptions { CpuPath = "portable", Threads = 1 });
        Assert.StartsWith("cpu, portable", backend.Description);
        Assert.EndsWith(", 1 thread", backend.Description);
    }

    [Fact]
    public void Avx512_is_served_where_the_processor_has_it_and_refused_elsewhere()
    {
        var options = new BackendOptions { CpuPath = "avx512", Threads = 2 };
        if (InstructionSetPath.IsSupported(CpuPath.Avx512))
        {
            using var backend = Backend.Open("cpu", options);
            Assert.Equal("cpu, AVX-512, 2 threads", backend.Description);
            return;
        }
        var refusal = Assert.Throws<BackendUnavailableException>(() => Backend.Open("cpu", options));
        Assert.Contains("portable", refusal.Message);
    }

    [Fact]
    public void An_unknown_path_is_refused_with_what_was_tried()
    {
        var refusal = Assert.Throws<BackendUnavailableException>(() => Backend.Open("cpu", new BackendOptions { CpuPath = "sse9" }));
        Assert.StartsWith("cpu: CpuPath: expected 'avx512' or 'portable', found 'sse9'.", refusal.Message);
        Assert.Contains("portable (available)", refusal.Message);
    }

    [Fact]
    public void A_negative_number_of_threads_is_refused()
    {
        var refusal = Assert.Throws<BackendUnavailableException>(() => Backend.Open("cpu", new BackendOptions { Threads = -1 }));
        Assert.Contains("-1", refusal.Message);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Operations_allocate_nothing_once_they_are_warm(string path)
    {
        using var backend = Backend.Open("cpu", new BackendOptions { CpuPath = path, Threads = 2 });
        using var calls = new OperationCalls(backend, seed: 1);
        foreach (var (name, call) in calls.Calls)
        {
            var bytes = CpuFixture.AllocatedBytes(() =>
            {
                for (var i = 0; i < 100; i++)
                    call();
            });
            Assert.True(bytes == 0, $"{name} allocated {bytes} bytes in 100 calls.");
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void One_two_and_three_threads_give_the_same_bits(string path)
    {
        using var one = Backend.Open("cpu", new BackendOptions { CpuPath = path, Threads = 1 });
        using var untouched = new OperationCalls(one, seed: 2);
        foreach (var threads in (int[])[2, 3])
        {
            using var several = Backend.Open("cpu", new BackendOptions { CpuPath = path, Threads = threads });
            using var alone = new OperationCalls(one, seed: 2);
            using var found = new OperationCalls(several, seed: 2);
            for (var i = 0; i < alone.Calls.Count; i++)
            {
                alone.Calls[i].Call();
                found.Calls[i].Call();
                Assert.True(alone.Snapshot().AsSpan().SequenceEqual(found.Snapshot()), $"{alone.Calls[i].Name} differs between 1 and {threads} threads.");
            }
            Assert.False(alone.Snapshot().AsSpan().SequenceEqual(untouched.Snapshot()));
        }
    }

    [Fact]
    public void Row_numbers_out_of_range_are_named_and_nothing_is_written()
    {
        using var backend = Backend.Open("cpu", new BackendOptions { Threads = 1 });
        using var memory = backend.Allocate(4096);
        DeviceView View(int offset, int rows, int columns, ElementType type = ElementType.Float32) => new(memory, offset, rows, columns, columns, type);
        DeviceView rows = View(0, 1, 2, ElementType.Int32), text = View(64, 1, 2, ElementType.Int32), values = View(128, 2, 4), table = View(256, 3, 4), cache = View(512, 3, 4);
        backend.Upload<int>(text, [-1, -1]);
        foreach (var wrong in (int[])[3, -1, int.MaxValue])
        {
            backend.Upload<int>(rows, [2, wrong]);
            ArgumentOutOfRangeException[] errors =
            [
                Assert.Throws<ArgumentOutOfRangeException>(() => backend.EmbeddingForward(values, table, rows, default, text)),
                Assert.Throws<ArgumentOutOfRangeException>(() => backend.EmbeddingBackward(table, default, values, rows, text)),
                Assert.Throws<ArgumentOutOfRangeException>(() => backend.Rope(values, table, rows, 4)),
                Assert.Throws<ArgumentOutOfRangeException>(() => backend.CacheAppend(cache, cache, values, values, rows)),
            ];
            Assert.All(errors, error => Assert.Contains($"[1] must be at least 0 and below 3", error.Message));
        }
        var everything = new float[(4096 - 128) / 4];
        backend.Download<float>(everything, View(128, 1, everything.Length));
        Assert.All(everything, value => Assert.Equal(0f, value));
    }

    [Fact]
    public void A_gradient_that_is_not_finite_lowers_the_flag_and_stops_the_update()
    {
        using var backend = Backend.Open("cpu", new BackendOptions { Threads = 1 });
        using var memory = backend.Allocate(4 * 4 * 64);
        DeviceView View(int index, int length) => new(memory, index * 4 * 64, 1, length, length, ElementType.Float32);
        DeviceView parameters = View(0, 64), moments = View(1, 64), state = View(2, Backend.GradientStateLength), gradients = View(3, 64);
        foreach (var bad in (float[])[float.NaN, float.PositiveInfinity])
        {
            backend.Fill(gradients, 1f);
            backend.Fill(gradients.ColumnRange(17, 1), bad);
            backend.GradientNorm(state, gradients, 1f);
            backend.AdamW(parameters, moments, moments, gradients, state, new AdamWStep { LearningRate = 1, Beta1 = 0.9, Beta2 = 0.9, Epsilon = 1e-8, WeightDecay = 0, Step = 1 });
            var written = new float[64];
            backend.Download<float>(written, parameters);
            Assert.All(written, value => Assert.Equal(0f, value));
            var flag = new float[Backend.GradientStateLength];
            backend.Download<float>(flag, state);
            Assert.Equal(0f, flag[2]);
        }
        backend.Fill(gradients, 1e25f);
        backend.GradientNorm(state, gradients, 1f);
        var finite = new float[Backend.GradientStateLength];
        backend.Download<float>(finite, state);
        Assert.Equal(8e25f, finite[0], 1e20f);
        Assert.Equal(1f, finite[2]);
    }
}
