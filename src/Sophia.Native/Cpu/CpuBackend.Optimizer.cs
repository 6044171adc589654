using System.Runtime.CompilerServices;

namespace Sophia.Native.Cpu;

// Gradient norm, AdamW, fill and copy over flat arenas. Bound by bytes: one read; four reads and three writes; one write; a read and a write of n elements.
// Where to read first: AdamWVector. The norm is taken in blocks of 4096 elements (RowSum, fp32 lanes), whose sums are added in double in their order.
public sealed unsafe partial class CpuBackend
{
    private const int NormBlock = 4096;
    private const int CopyBlock = 64 * 1024;
    private const int AdamWBlock = 1024;

    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm)
    {
        var blocks = (gradients.Length + NormBlock - 1) / NormBlock;
        var sums = (double*)_callerScratch.Get(ScratchSlot.Operation, (nuint)blocks * sizeof(double));
        RowLoop.Run(_path, _pool, new SquaresBlock(sums, gradients), blocks, NormBlock);
        var squares = 0.0;
        for (long block = 0; block < blocks; block++)
            squares += sums[block];
        var norm = (float)Math.Sqrt(squares);
        var result = Floats(state);
        result[0] = norm;
        result[1] = MathF.Min(1f, maximumNorm / (norm + 1e-6f));
        result[2] = float.IsFinite(norm) ? 1f : 0f;
        result[3] = 0f;
    }

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
    {
        var state = Floats(gradientState);
        if (state[2] == 0f)
            return;
        if (parameters.Type == ElementType.Float32 && firstMoments.Type == ElementType.Float32)
            ElementwiseLoop.Run(_path, _pool, new AdamWVector(Floats(parameters), Floats(firstMoments), Floats(secondMoments), Floats(gradients), state[1], step), 1, parameters.Length);
        else
            RowLoop.Run(_path, _pool, new RoundedAdamWBlock(parameters, firstMoments, secondMoments, gradients, state[1], step), (parameters.Length + AdamWBlock - 1) / AdamWBlock, AdamWBlock);
        if (!workingCopy.IsAbsent)
            Convert(workingCopy, parameters);
    }

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value)
    {
        if (view.Type == ElementType.Float32)
        {
            ElementwiseLoop.Run(_path, _pool, new FillVector(view, value), view.Rows, view.Columns);
            return;
        }
        for (long row = 0; row < view.Rows; row++)
            new Span<double>((double*)view.Address + row * view.Stride, Size(view.Columns)).Fill(value);
    }

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source)
    {
        if (destination.Type != source.Type)
        {
            Convert(destination, source);
            return;
        }
        var whole = destination.IsContiguous && source.IsContiguous;
        var rows = whole ? (source.Length * source.Type.Size() + CopyBlock - 1) / CopyBlock : source.Rows;
        RowLoop.Run(_path, _pool, new CopyRow(destination, source, whole), rows, whole ? CopyBlock / sizeof(float) : source.Columns);
    }

    /// <summary>The row number is that of a block of gradients.</summary>
    private readonly struct SquaresBlock(double* sums, DeviceView gradients) : IRowOperator
    {
        private readonly float* _gradients = Floats(gradients);
        private readonly nint _length = (nint)gradients.Length;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint block)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var first = _gradients + block * NormBlock;
            var count = Math.Min(NormBlock, _length - block * NormBlock);
            double sum = RowSum.Of<ProductTerm, TSimd, TVector>(new ProductTerm(first, first), count);
            sums[block] = double.IsFinite(sum) ? sum : SumInDouble(first, count);
        }

        /// <summary>Squares beyond the range of fp32 are still a finite norm.</summary>
        private static double SumInDouble(float* values, nint count)
        {
            var sum = 0.0;
            for (nint i = 0; i < count; i++)
                sum += (double)values[i] * values[i];
            return sum;
        }
    }

    /// <summary>PyTorch's single-tensor AdamW, operation by operation; the bias corrections are taken in double.</summary>
    private struct AdamWVector(float* parameters, float* firstMoments, float* secondMoments, float* gradients, float factor, in AdamWStep step) : IElementwiseOperator
    {
        private float* _parameters = parameters;
        private float* _firstMoments = firstMoments;
        private float* _secondMoments = secondMoments;
        private float* _gradients = gradients;
        private readonly float _factor = factor;
        private readonly float _decay = (float)(1 - step.LearningRate * step.WeightDecay);
        private readonly float _oneMinusBeta1 = (float)(1 - step.Beta1);
        private readonly float _beta2 = (float)step.Beta2;
        private readonly float _oneMinusBeta2 = (float)(1 - step.Beta2);
        private readonly float _epsilon = (float)step.Epsilon;
        private readonly float _negativeStepSize = (float)(-step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
        private readonly float _rootOfCorrection = (float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step));

        public readonly void MoveTo(nint row)
        {
        }

        /// <summary>The same constants for other elements.</summary>
        public readonly AdamWVector Over(float* parameters, float* firstMoments, float* secondMoments, float* gradients)
        {
            var other = this;
            other._parameters = parameters;
            other._firstMoments = firstMoments;
            other._secondMoments = secondMoments;
            other._gradients = gradients;
            return other;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes
        {
            var gradient = TSimd.Multiply(lanes.Load<TSimd, TVector>(_gradients + column), TSimd.Create(_factor));
            var parameter = TSimd.Multiply(lanes.Load<TSimd, TVector>(_parameters + column), TSimd.Create(_decay));
            var first = lanes.Load<TSimd, TVector>(_firstMoments + column);
            first = TSimd.FusedMultiplyAdd(TSimd.Create(_oneMinusBeta1), TSimd.Subtract(gradient, first), first);
            var second = TSimd.Multiply(lanes.Load<TSimd, TVector>(_secondMoments + column), TSimd.Create(_beta2));
            second = TSimd.Add(second, TSimd.Multiply(TSimd.Multiply(TSimd.Create(_oneMinusBeta2), gradient), gradient));
            var denominator = TSimd.Add(TSimd.Divide(TSimd.Sqrt(second), TSimd.Create(_rootOfCorrection)), TSimd.Create(_epsilon));
            parameter = TSimd.Add(parameter, TSimd.Divide(TSimd.Multiply(TSimd.Create(_negativeStepSize), first), denominator));
            lanes.Store<TSimd, TVector>(_parameters + column, parameter);
            lanes.Store<TSimd, TVector>(_firstMoments + column, first);
            lanes.Store<TSimd, TVector>(_secondMoments + column, second);
        }
    }

    /// <summary>
    /// A block of elements of which some are stored as BFloat16: widened, updated as Float32 is, and what is stored rounded stochastically. The row number is that of the block.
    /// </summary>
    private readonly struct RoundedAdamWBlock(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, float factor, in AdamWStep step) : IRowOperator
    {
        private readonly nint _parameters = parameters.Address;
        private readonly nint _firstMoments = firstMoments.Address;
        private readonly nint _secondMoments = secondMoments.Address;
        private readonly float* _gradients = Floats(gradients);
        private readonly nint _length = (nint)parameters.Length;
        private readonly bool _roundsParameters = parameters.Type == ElementType.BFloat16;
        private readonly bool _roundsMoments = firstMoments.Type == ElementType.BFloat16;
        private readonly AdamWVector _update = new(null, null, null, null, factor, step);
        private readonly int _step = step.Step;
        private readonly ulong _seed = step.Seed;

        [SkipLocalsInit]
        public void Apply<TSimd, TVector>(nint block)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var memory = stackalloc float[3 * AdamWBlock];
            var start = block * AdamWBlock;
            var count = (int)Math.Min(AdamWBlock, _length - start);
            var parameters = Open(_parameters, _roundsParameters, start, count, memory);
            var firstMoments = Open(_firstMoments, _roundsMoments, start, count, memory + AdamWBlock);
            var secondMoments = Open(_secondMoments, _roundsMoments, start, count, memory + 2 * AdamWBlock);
            var update = _update.Over(parameters, firstMoments, secondMoments, _gradients + start);
            ElementwiseLoop.RunRow<AdamWVector, TSimd, TVector>(ref update, 0, count);
            // Neighbors share a block of random words; a block of elements begins at an even one, and its numbers do not cross 2^32.
            var pair = (ulong)start >> 1;
            var words = stackalloc uint[2 * AdamWBlock];
            var counters = PhiloxVector<TSimd, TVector>.Repeat((uint)pair, (uint)(pair >> 32), (uint)_step, StochasticRounding.Purpose);
            counters = TSimd.AddBits(counters, PhiloxVector<TSimd, TVector>.Numbers(0));
            new PhiloxVector<TSimd, TVector>(_seed).Write(words, (count + 1) / 2, counters, PhiloxVector<TSimd, TVector>.Repeat((uint)TSimd.Width / 4, 0, 0, 0));
            for (var i = 0; i < count; i++)
            {
                var shift = (i & 1) * 16;
                var four = words + 4 * (i >> 1);
                if (_roundsParameters)
                    ((BFloat16*)_parameters)[start + i] = StochasticRounding.Round(parameters[i], (four[0] >> shift) & 0xFFFF);
                if (!_roundsMoments)
                    continue;
                ((BFloat16*)_firstMoments)[start + i] = StochasticRounding.Round(firstMoments[i], (four[1] >> shift) & 0xFFFF);
                ((BFloat16*)_secondMoments)[start + i] = StochasticRounding.Round(secondMoments[i], (four[2] >> shift) & 0xFFFF);
            }
        }

        /// <summary>The elements as floats: where they lie, or widened into memory of the block.</summary>
        private static float* Open(nint stored, bool isRounded, nint start, int count, float* memory)
        {
            if (!isRounded)
                return (float*)stored + start;
            BFloat16.Widen(new((BFloat16*)stored + start, count), new(memory, count));
            return memory;
        }
    }

    private struct FillVector(DeviceView view, float value) : IElementwiseOperator
    {
        private RowCursor _view = new(view);
        private readonly float _value = value;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void MoveTo(nint row) => _view.MoveTo(row);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Apply<TSimd, TVector, TLanes>(nint column, TLanes lanes)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
            where TLanes : struct, ILanes => lanes.Store<TSimd, TVector>(_view.Row + column, TSimd.Create(_value));
    }

    /// <summary>A row of a strided copy, or a block of bytes of a contiguous one.</summary>
    private readonly struct CopyRow(DeviceView destination, DeviceView source, bool whole) : IRowOperator
    {
        private readonly byte* _destination = (byte*)destination.Address;
        private readonly byte* _source = (byte*)source.Address;
        private readonly long _destinationStride = whole ? CopyBlock : destination.Stride * destination.Type.Size();
        private readonly long _sourceStride = whole ? CopyBlock : source.Stride * source.Type.Size();
        private readonly long _rowBytes = whole ? CopyBlock : source.Columns * source.Type.Size();
        private readonly long _wholeBytes = whole ? source.Length * source.Type.Size() : long.MaxValue;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Apply<TSimd, TVector>(nint row)
            where TSimd : struct, ISimd<TVector>
            where TVector : struct
        {
            var bytes = Math.Min(_rowBytes, _wholeBytes - row * _sourceStride);
            Buffer.MemoryCopy(_source + row * _sourceStride, _destination + row * _destinationStride, bytes, bytes);
        }
    }
}
