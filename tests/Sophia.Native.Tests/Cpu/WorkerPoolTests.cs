using Sophia.Native.Cpu;
using Xunit;

namespace Sophia.Native.Tests.Cpu;

public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_index_is_done_exactly_once_in_many_short_runs(int threads)
    {
        using WorkerPool pool = new(threads);
        const int Largest = 37;
        int* counts = stackalloc int[Largest + 1];
        for (int run = 0; run < 20_000; run++)
        {
            int count = run % Largest + 1;
            new Span<int>(counts, Largest + 1).Clear();
            pool.Run(&CountIndex, counts, count);
            for (int i = 0; i < Largest + 1; i++)
                Assert.Equal(i < count ? 1 : 0, counts[i]);
        }
    }

    [Fact]
    public void Parked_threads_wake_and_take_their_part()
    {
        using WorkerPool pool = new(2);
        int* workers = stackalloc int[2];
        for (int run = 0; run < 20; run++)
        {
            // Long enough for the other thread to park, then work long enough for it to wake.
            Thread.Sleep(20);
            workers[0] = workers[1] = 0;
            int attempts = 0;
            for (; attempts < 200 && workers[1] == 0; attempts++)
                pool.Run(&SpinAndCountWorker, workers, 64);
            Assert.True(workers[1] > 0);
            Assert.Equal(64 * attempts, workers[0] + workers[1]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_exception_of_a_body_reaches_the_caller_and_the_pool_lives_on(int threads)
    {
        using WorkerPool pool = new(threads);
        int done = 0;
        for (int run = 0; run < 100; run++)
        {
            FormatException error = Assert.Throws<FormatException>(() => pool.Run(&ThrowAtFive, null, 20));
            Assert.Equal("index 5", error.Message);
        }
        pool.Run(&CountAll, &done, 100);
        Assert.Equal(100, done);
    }

    [Fact]
    public void A_run_inside_a_work_item_is_done_inline_under_the_same_worker()
    {
        using WorkerPool pool = new(3);
        int* counts = stackalloc int[4 * 5];
        new Span<int>(counts, 20).Clear();
        pool.Run(&RunNested, counts, 4);
        for (int i = 0; i < 20; i++)
            Assert.Equal(1, counts[i]);
        Assert.Equal(-1, pool.CurrentWorker);
    }

    [Fact]
    public void Runs_of_several_outside_threads_do_not_mix()
    {
        using WorkerPool pool = new(2);
        Exception? failure = null;
        Thread[] threads = new Thread[3];
        for (int t = 0; t < threads.Length; t++)
        {
            threads[t] = new Thread(() =>
            {
                try
                {
                    for (int run = 0; run < 2000; run++)
                    {
                        int done = 0;
                        pool.Run(&CountAll, &done, 9);
                        Assert.Equal(9, done);
                    }
                }
                catch (Exception exception)
                {
                    failure = exception;
                }
            });
            threads[t].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Null(failure);
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        using WorkerPool pool = new(2);
        int done = 0;
        pool.Run(&CountAll, &done, 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int run = 0; run < 1000; run++)
            pool.Run(&CountAll, &done, 10);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        long* perWorker = stackalloc long[2];
        perWorker[0] = perWorker[1] = 0;
        for (int run = 0; run < 1000; run++)
            pool.Run(&RecordAllocations, perWorker, 16);
        Assert.Equal(0, perWorker[0]);
        Assert.Equal(0, perWorker[1]);
    }

    [Fact]
    public void A_disposed_pool_refuses_to_run_and_its_threads_are_gone()
    {
        WorkerPool pool = new(4);
        int done = 0;
        pool.Run(&CountAll, &done, 4);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Run(&CountAll, null, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(-1));
    }

    [Fact]
    public void Scratch_memory_is_aligned_kept_and_apart_by_slot()
    {
        using WorkerScratch scratch = new();
        float* first = scratch.GetFloats(ScratchSlot.Operation, 1000);
        float* panels = scratch.GetFloats(ScratchSlot.MatrixPanels, 1000);
        Assert.Equal(0, (nint)first % 64);
        Assert.True(first != panels);
        Assert.True(first == scratch.GetFloats(ScratchSlot.Operation, 500));
        scratch.GetFloats(ScratchSlot.Operation, 100_000)[99_999] = 1;
        Assert.True(panels == scratch.GetFloats(ScratchSlot.MatrixPanels, 1000));
    }

    private static void CountIndex(void* context, int index, int workerIndex) => Interlocked.Increment(ref ((int*)context)[index]);

    private static void CountAll(void* context, int index, int workerIndex) => Interlocked.Increment(ref *(int*)context);

    private static void SpinAndCountWorker(void* context, int index, int workerIndex)
    {
        Thread.SpinWait(2000);
        ((int*)context)[workerIndex]++;
    }

    private static void ThrowAtFive(void* context, int index, int workerIndex)
    {
        if (index == 5)
            throw new FormatException("index 5");
    }

    private static void RunNested(void* context, int index, int workerIndex)
    {
        WorkerPool pool = WorkerPool.Current;
        NestedCounts nested = new() { Counts = (int*)context + index * 5, Worker = workerIndex };
        pool.Run(&CountNested, &nested, 5);
    }

    private static void CountNested(void* context, int index, int workerIndex)
    {
        NestedCounts* nested = (NestedCounts*)context;
        Assert.Equal(nested->Worker, workerIndex);
        nested->Counts[index]++;
    }

    private static void RecordAllocations(void* context, int index, int workerIndex)
    {
        // The work of the pool between two items of one thread counts too: totals are kept from the first item on.
        long total = GC.GetAllocatedBytesForCurrentThread();
        ref long baseline = ref t_baseline;
        if (baseline == 0)
            baseline = total;
        ((long*)context)[workerIndex] = total - baseline;
    }

    [ThreadStatic]
    private static long t_baseline;

    private struct NestedCounts
    {
        public int* Counts;
        public int Worker;
    }
}
