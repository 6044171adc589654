using System.Runtime.CompilerServices;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Launches of attention; the kernels are in IlgpuBackend.AttentionForward.cs and IlgpuBackend.AttentionBackward.cs. A group has as many rows (queries, or keys in the backward pass of keys and values) as
// sixteenths of its threads; sixteen lanes share a row. Nothing depends on how many rows a group has. Where to read first: AttentionForwardTile.Run.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void AttentionForwardCore(DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences, int headSize, float scale)
    {
        if (query.Length == 0 || sequences.Count == 0 || sequences.MaximumQueries == 0)
            return;
        if (query.Type == ElementType.BFloat16)
            Attend(new AttentionForwardCall<StoredBFloat16>(this, output, logSumExp, query, key, value, sequences, headSize, scale), headSize);
        else
            Attend(new AttentionForwardCall<StoredFloat32>(this, output, logSumExp, query, key, value, sequences, headSize, scale), headSize);
    }

    /// <inheritdoc/>
    protected override void AttentionBackwardCore(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
    {
        if (sequences.Count == 0)
            return;
        if (query.Type == ElementType.BFloat16)
            AttentionBackward<StoredBFloat16>(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, sequences, headSize, scale);
        else
            AttentionBackward<StoredFloat32>(dQuery, dKey, dValue, delta, dOutput, query, key, value, output, logSumExp, sequences, headSize, scale);
    }

    private void AttentionBackward<TStored>(DeviceView dQuery, DeviceView dKey, DeviceView dValue, DeviceView delta, DeviceView dOutput, DeviceView query, DeviceView key, DeviceView value,
        DeviceView output, DeviceView logSumExp, in AttentionSequences sequences, int headSize, float scale)
        where TStored : unmanaged, IStored<TStored>
    {
        ForEach(new AttentionDelta<TStored>(Of<StoredFloat32>(delta), Of<TStored>(dOutput), Of<TStored>(output), headSize), query.Rows, query.Columns / headSize, nameof(AttentionBackward));
        var arguments = new AttentionGradients<TStored>(Of<TStored>(dOutput), Of<TStored>(query), Of<TStored>(key), Of<TStored>(value), Of<StoredFloat32>(logSumExp), Of<StoredFloat32>(delta),
            TableOf(sequences, query, key, nameof(AttentionBackward)), (int)(query.Columns / headSize), (int)(key.Columns / headSize), scale);
        if (query.Length > 0 && sequences.MaximumQueries > 0)
            Attend(new AttentionBackwardQueryCall<TStored>(this, Of<TStored>(dQuery), arguments, sequences.MaximumQueries), headSize);
        if (key.Length > 0 && sequences.MaximumKeys > 0)
            Attend(new AttentionBackwardKeyCall<TStored>(this, Of<TStored>(dKey), Of<TStored>(dValue), arguments, sequences.MaximumKeys), headSize);
    }

    private SequenceTable TableOf(in AttentionSequences sequences, DeviceView query, DeviceView key, [CallerMemberName] string operation = "") =>
        new(Elements<int>(sequences.QueryOffsets), Elements<int>(sequences.KeyOffsets), Elements<int>(sequences.KeyLengths), sequences.Count, sequences.Causal, query.Rows, key.Rows, Faults(operation));

    /// <summary>Launches for the exact head size and the group that the device can have.</summary>
    private void Attend<TCall>(in TCall call, int headSize)
        where TCall : struct, IAttentionCall
    {
        switch (headSize)
        {
            case 16:
                Attend<TCall, Head16>(call);
                break;
            case 32:
                Attend<TCall, Head32>(call);
                break;
            case 48:
                Attend<TCall, Head48>(call);
                break;
            case 64:
                Attend<TCall, Head64>(call);
                break;
            case 80:
                Attend<TCall, Head80>(call);
                break;
            case 96:
                Attend<TCall, Head96>(call);
                break;
            case 112:
                Attend<TCall, Head112>(call);
                break;
            default:
                Attend<TCall, Head128>(call);
                break;
        }
    }

    private void Attend<TCall, THead>(in TCall call)
        where TCall : struct, IAttentionCall
        where THead : unmanaged, IHeadSize
    {
        switch (GroupSize)
        {
            case >= 256:
                call.Launch<THead, Square16>();
                break;
            case >= 64:
                call.Launch<THead, Square8>();
                break;
            default:
                call.Launch<THead, Square4>();
                break;
        }
    }

    /// <summary>Launches a kernel whose work items are tiles of rows of every sequence and head.</summary>
    private void LaunchTiles<TKernel>(in TKernel kernel, int sequences, int tiles, int heads, int threads, string operation)
        where TKernel : struct, IKernel => Launch(kernel, Math.Min((long)sequences * tiles * heads, MostTiles), 1, threads, operation);

    /// <summary>A launch that waits for its constants.</summary>
    private interface IAttentionCall
    {
        void Launch<THead, TSquare>()
            where THead : unmanaged, IHeadSize
            where TSquare : unmanaged, ISquare;
    }

    private readonly struct AttentionForwardCall<TStored>(IlgpuBackend backend, DeviceView output, DeviceView logSumExp, DeviceView query, DeviceView key, DeviceView value, in AttentionSequences sequences,
        int headSize, float scale) : IAttentionCall
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly AttentionSequences _sequences = sequences;

        public void Launch<THead, TSquare>()
            where THead : unmanaged, IHeadSize
            where TSquare : unmanaged, ISquare
        {
            var threads = TSquare.Side * TSquare.Side;
            var tiles = (int)BlocksOf(_sequences.MaximumQueries, threads / HeadColumns.Lanes);
            var heads = (int)(query.Columns / headSize);
            backend.LaunchTiles(new AttentionForwardTile<TStored, THead, TSquare>(backend.Of<TStored>(output), backend.Of<StoredFloat32>(logSumExp), logSumExp.IsAbsent ? 0 : 1, backend.Of<TStored>(query),
                backend.Of<TStored>(key), backend.Of<TStored>(value), backend.TableOf(_sequences, query, key, nameof(AttentionForward)), tiles, heads, (int)(key.Columns / headSize), scale),
                _sequences.Count, tiles, heads, threads, nameof(AttentionForward));
        }
    }

    private readonly struct AttentionBackwardQueryCall<TStored>(IlgpuBackend backend, Matrix<TStored> dQuery, AttentionGradients<TStored> arguments, int maximumQueries) : IAttentionCall
        where TStored : unmanaged, IStored<TStored>
    {
        public void Launch<THead, TSquare>()
            where THead : unmanaged, IHeadSize
            where TSquare : unmanaged, ISquare
        {
            var threads = TSquare.Side * TSquare.Side;
            var tiles = (int)BlocksOf(maximumQueries, threads / HeadColumns.Lanes);
            backend.LaunchTiles(new AttentionBackwardQueryTile<TStored, THead, TSquare>(dQuery, arguments, tiles), arguments.Sequences.Count, tiles, arguments.Heads, threads, nameof(AttentionBackward));
        }
    }

    private readonly struct AttentionBackwardKeyCall<TStored>(IlgpuBackend backend, Matrix<TStored> dKey, Matrix<TStored> dValue, AttentionGradients<TStored> arguments, int maximumKeys) : IAttentionCall
        where TStored : unmanaged, IStored<TStored>
    {
        public void Launch<THead, TSquare>()
            where THead : unmanaged, IHeadSize
            where TSquare : unmanaged, ISquare
        {
            var threads = TSquare.Side * TSquare.Side;
            var tiles = (int)BlocksOf(maximumKeys, threads / HeadColumns.Lanes);
            backend.LaunchTiles(new AttentionBackwardKeyTile<TStored, THead, TSquare>(dKey, dValue, arguments, tiles), arguments.Sequences.Count, tiles, arguments.KeyHeads, threads, nameof(AttentionBackward));
        }
    }
}
