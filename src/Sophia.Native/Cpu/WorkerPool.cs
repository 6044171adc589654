using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Sophia.Native.Cpu;

/// <summary>
/// Persistent threads that share out the indices of a loop. The caller takes part as worker 0; a pool of one runs
/// everything inline. A run allocates nothing.
/// </summary>
/// <remarks>
/// The state of a run is one 64-bit ticket: its number above, the count of indices not yet handed out below. Taking an
/// index is a compare-and-swap that decrements the count, so a thread that wakes late either takes an index of the run
/// it read, whose fields cannot have changed while indices were left, or takes nothing. A run is over when every index
/// is done; threads that never woke are not waited for, so that a short run costs no thread switch.
/// Threads without work spin for a while, then park until the next run.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>Rounds of about a third of a microsecond each before a thread without work parks: longer than the gap between two operations, shorter than a time slice.</summary>
    private const int SpinIterations = 500;

    private const int SpinsInRound = 8;
    private const int MaximumThreads = 1024;

    [ThreadStatic]
    private static WorkerPool? t_pool;

    [ThreadStatic]
    private static int t_workerIndex;

    private readonly object _parkGate = new();
    private readonly Thread[] _threads;
    private readonly WorkerScratch[] _scratch;
    private delegate*<void*, int, int, void> _body;
    private void* _context;
    private int _count;
    private Exception? _failure;
    private PaddedCounters _shared;

    /// <summary>The words that all threads write, each on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 4 * 128)]
    private struct PaddedCounters
    {
        [FieldOffset(128)]
        public ulong Ticket;

        [FieldOffset(256)]
        public int Completed;

        [FieldOffset(384)]
        public int Parked;

        [FieldOffset(388)]
        public bool Stopping;
    }

    /// <summary>Starts the threads.</summary>
    /// <param name="threadCount">Workers, the caller included; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">Negative or above 1024.</exception>
    public WorkerPool(int threadCount = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threadCount);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threadCount, MaximumThreads);
        ThreadCount = threadCount == 0 ? Math.Min(Environment.ProcessorCount, MaximumThreads) : threadCount;
        _scratch = new WorkerScratch[ThreadCount];
        for (int worker = 0; worker < ThreadCount; worker++)
            _scratch[worker] = new WorkerScratch();
        _threads = new Thread[ThreadCount - 1];
        for (int worker = 1; worker < ThreadCount; worker++)
        {
            int index = worker;
            _threads[worker - 1] = new Thread(() => WorkerLoop(index)) { IsBackground = true, Name = $"Sophia worker {worker}" };
            _threads[worker - 1].Start();
        }
    }

    /// <summary>Workers, the caller included.</summary>
    public int ThreadCount { get; }

    /// <summary>Held during a run. Take it to use the scratch memory of worker 0 outside of a run.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The pool whose work item the calling thread is in.</summary>
    /// <exception cref="InvalidOperationException">The thread is not inside a run.</exception>
    public static WorkerPool Current => t_pool ?? throw new InvalidOperationException("The calling thread is not inside a work item of a WorkerPool.");

    /// <summary>The worker index of the calling thread when it is inside a run of this pool, else -1.</summary>
    public int CurrentWorker => t_pool == this ? t_workerIndex : -1;

    /// <summary>The scratch memory of a worker, for use inside its work items only.</summary>
    public WorkerScratch Scratch(int workerIndex) => _scratch[workerIndex];

    /// <summary>
    /// Calls body(context, index, workerIndex) once for every index in [0, <paramref name="count"/>), in any order and
    /// on any worker (indices are handed out in ascending order), and returns when all are done.
    /// From inside a work item of this pool the loop runs inline, in order, under the same worker index.
    /// Runs of several outside threads follow one another.
    /// </summary>
    /// <exception cref="Exception">The first exception of a body; indices not yet begun are then skipped.</exception>
    public void Run(delegate*<void*, int, int, void> body, void* context, int count)
    {
        if (count <= 0)
            return;
        if (t_pool == this)
        {
            for (int index = 0; index < count; index++)
                body(context, index, t_workerIndex);
            return;
        }

        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(_shared.Stopping, this);
            WorkerPool? outerPool = t_pool;
            int outerIndex = t_workerIndex;
            t_pool = this;
            t_workerIndex = 0;
            try
            {
                if (count == 1 || _threads.Length == 0)
                {
                    for (int index = 0; index < count; index++)
                        body(context, index, 0);
                }
                else
                {
                    RunShared(body, context, count);
                }
            }
            finally
            {
                t_pool = outerPool;
                t_workerIndex = outerIndex;
            }
        }
    }

    /// <summary>Ends the threads and frees the scratch memory. Not to be called from inside a run.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            if (_shared.Stopping)
                return;
            lock (_parkGate)
            {
                Volatile.Write(ref _shared.Stopping, true);
                Monitor.PulseAll(_parkGate);
            }
        }
        foreach (Thread thread in _threads)
            thread.Join();
        foreach (WorkerScratch scratch in _scratch)
            scratch.Dispose();
    }

    private void RunShared(delegate*<void*, int, int, void> body, void* context, int count)
    {
        _body = body;
        _context = context;
        _count = count;
        _failure = null;
        Volatile.Write(ref _shared.Completed, 0);
        // The exchange publishes the fields above and is a full fence before the look at the parked threads.
        ulong ticket = (((_shared.Ticket >> 32) + 1) << 32) | (uint)count;
        Interlocked.Exchange(ref _shared.Ticket, ticket);
        if (Volatile.Read(ref _shared.Parked) > 0)
        {
            lock (_parkGate)
            {
                if (count - 1 < _threads.Length)
                {
                    for (int wakes = 0; wakes < count - 1; wakes++)
                        Monitor.Pulse(_parkGate);
                }
                else
                {
                    Monitor.PulseAll(_parkGate);
                }
            }
        }
        TakeIndices(0);
        for (int spins = 0; Volatile.Read(ref _shared.Completed) != count; spins++)
        {
            if (spins < SpinIterations)
                Thread.SpinWait(SpinsInRound);
            else
                Thread.Yield();
        }
        if (_failure is { } failure)
        {
            _failure = null;
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private void TakeIndices(int workerIndex)
    {
        ulong ticket = Volatile.Read(ref _shared.Ticket);
        while ((uint)ticket != 0)
        {
            delegate*<void*, int, int, void> body = _body;
            void* context = _context;
            int count = _count;
            ulong seen = Interlocked.CompareExchange(ref _shared.Ticket, ticket - 1, ticket);
            if (seen != ticket)
            {
                ticket = seen;
                continue;
            }
            if (Volatile.Read(ref _failure) is null)
            {
                try
                {
                    body(context, count - (int)(uint)ticket, workerIndex);
                }
                catch (Exception exception)
                {
                    Interlocked.CompareExchange(ref _failure, exception, null);
                }
            }
            Interlocked.Increment(ref _shared.Completed);
            ticket = Volatile.Read(ref _shared.Ticket);
        }
    }

    private void WorkerLoop(int workerIndex)
    {
        t_pool = this;
        t_workerIndex = workerIndex;
        while (!Volatile.Read(ref _shared.Stopping))
        {
            TakeIndices(workerIndex);
            if (!SpinForWork())
                Park();
        }
    }

    private bool SpinForWork()
    {
        for (int spins = 0; spins < SpinIterations; spins++)
        {
            if (HasWork)
                return true;
            Thread.SpinWait(SpinsInRound);
        }
        return false;
    }

    private void Park()
    {
        lock (_parkGate)
        {
            Interlocked.Increment(ref _shared.Parked);
            while (!HasWork)
                Monitor.Wait(_parkGate);
            Interlocked.Decrement(ref _shared.Parked);
        }
    }

    private bool HasWork
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (uint)Volatile.Read(ref _shared.Ticket) != 0 || Volatile.Read(ref _shared.Stopping);
    }
}
