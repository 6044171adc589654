using ILGPU;
using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Gradient norm, AdamW, fill and copy over flat arenas. Bound by bytes: one read; four reads and three writes; one write; a read and a write of n elements.
// The norm is summed in double, in steps whose order depends on n alone: 32 lanes of every block of 4096 elements, 256 lanes over those, then the 256. Where to read first: AdamWElement.
public sealed partial class IlgpuBackend
{
    private const int NormBlock = 4096;
    private const int NormLanes = 32;
    private const int NormLastLanes = 256;

    /// <inheritdoc/>
    protected override void GradientNormCore(DeviceView state, DeviceView gradients, float maximumNorm)
    {
        var length = gradients.Length;
        var lanes = (length + NormBlock - 1) / NormBlock * NormLanes;
        var scratch = Scratch(ScratchSlot.Partials, lanes + NormLastLanes, ElementType.Float64);
        var sums = Elements<double>(scratch);
        if (lanes > 0)
            ForEach(new SquaresOfLane(sums, Of<StoredFloat32>(gradients), length), lanes / NormLanes, NormLanes);
        ForEach(new SumOfLanes(sums, lanes), 1, NormLastLanes);
        ForEach(new GradientStateElement(Of<StoredFloat32>(state), sums, lanes, maximumNorm), 1, 1);
    }

    /// <inheritdoc/>
    protected override void AdamWCore(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
    {
        switch (parameters.Type, firstMoments.Type)
        {
            case (ElementType.BFloat16, ElementType.BFloat16):
                AdamW<StoredBFloat16, StoredBFloat16>(parameters, firstMoments, secondMoments, gradients, gradientState, step, workingCopy);
                break;
            case (ElementType.BFloat16, _):
                AdamW<StoredBFloat16, StoredFloat32>(parameters, firstMoments, secondMoments, gradients, gradientState, step, workingCopy);
                break;
            case (_, ElementType.BFloat16):
                AdamW<StoredFloat32, StoredBFloat16>(parameters, firstMoments, secondMoments, gradients, gradientState, step, workingCopy);
                break;
            default:
                AdamW<StoredFloat32, StoredFloat32>(parameters, firstMoments, secondMoments, gradients, gradientState, step, workingCopy);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void FillCore(DeviceView view, float value)
    {
        if (view.Type == ElementType.Float64)
            ForEach(new FillDoubleElement(Elements<double>(view), view.Stride, value), view.Rows, view.Columns);
        else if (view.IsContiguous)
            ForVector(new FillVectorElement(Of<StoredFloat32>(view), view.Length, value), view.Length);
        else
            ForEach(new FillElement(Of<StoredFloat32>(view), value), view.Rows, view.Columns);
    }

    /// <inheritdoc/>
    protected override void CopyCore(DeviceView destination, DeviceView source)
    {
        switch (destination.Type, source.Type)
        {
            case (ElementType.BFloat16, ElementType.Float32):
                Copy(new CopyElement<StoredBFloat16, StoredFloat32>(Of<StoredBFloat16>(destination), Of<StoredFloat32>(source)), destination, source);
                break;
            case (ElementType.Float32, ElementType.BFloat16):
                Copy(new CopyElement<StoredFloat32, StoredBFloat16>(Of<StoredFloat32>(destination), Of<StoredBFloat16>(source)), destination, source);
                break;
            default:
                CopyBytes(destination, source);
                break;
        }
    }

    private void AdamW<TParameter, TMoment>(DeviceView parameters, DeviceView firstMoments, DeviceView secondMoments, DeviceView gradients, DeviceView gradientState, in AdamWStep step, DeviceView workingCopy)
        where TParameter : unmanaged, IStored<TParameter>
        where TMoment : unmanaged, IStored<TMoment> =>
        ForVector(new AdamWElement<TParameter, TMoment>(Of<TParameter>(parameters), Of<TMoment>(firstMoments), Of<TMoment>(secondMoments), Of<StoredFloat32>(gradients), Of<StoredFloat32>(gradientState),
            Of<StoredBFloat16>(workingCopy), workingCopy.IsAbsent, parameters.Length, step), parameters.Length, nameof(AdamW));

    private void Copy<TDestination, TSource>(in CopyElement<TDestination, TSource> element, DeviceView destination, DeviceView source)
        where TDestination : unmanaged, IStored<TDestination>
        where TSource : unmanaged, IStored<TSource>
    {
        if (destination.IsContiguous && source.IsContiguous)
            ForVector(element.WithLength(destination.Length), destination.Length, nameof(Copy));
        else
            ForEach(element, destination.Rows, destination.Columns, nameof(Copy));
    }

    /// <summary>A copy between views of one type, bit by bit.</summary>
    private void CopyBytes(DeviceView destination, DeviceView source)
    {
        if (destination.Length == 0)
            return;
        if (destination.IsContiguous && source.IsContiguous)
        {
            Enter();
            var bytes = source.Length * source.Type.Size();
            ForeignMemory.Copy(_stream, Bytes(source, bytes), Bytes(destination, bytes));
            return;
        }
        switch (destination.Type)
        {
            case ElementType.BFloat16:
                ForEach(new CopyBitsElement<ushort>(Elements<ushort>(destination), destination.Stride, Elements<ushort>(source), source.Stride), destination.Rows, destination.Columns, nameof(Copy));
                break;
            case ElementType.Float64:
                ForEach(new CopyBitsElement<long>(Elements<long>(destination), destination.Stride, Elements<long>(source), source.Stride), destination.Rows, destination.Columns, nameof(Copy));
                break;
            default:
                ForEach(new CopyBitsElement<int>(Elements<int>(destination), destination.Stride, Elements<int>(source), source.Stride), destination.Rows, destination.Columns, nameof(Copy));
                break;
        }
    }

    /// <summary>The sum of squares of the elements of a lane of a block: every 32nd.</summary>
    internal readonly struct SquaresOfLane(ArrayView<double> sums, Matrix<StoredFloat32> gradients, long length) : IElementOperator
    {
        private readonly ArrayView<double> _sums = sums;
        private readonly Matrix<StoredFloat32> _gradients = gradients;
        private readonly long _length = length;

        public void Apply(long row, int column)
        {
            var end = (row + 1) * NormBlock;
            end = end < _length ? end : _length;
            var sum = 0.0;
            for (var i = row * NormBlock + column; i < end; i += NormLanes)
            {
                double value = _gradients.Read(i);
                sum += value * value;
            }
            _sums[row * NormLanes + column] = sum;
        }
    }

    internal readonly struct SumOfLanes(ArrayView<double> sums, long lanes) : IElementOperator
    {
        private readonly ArrayView<double> _sums = sums;
        private readonly long _lanes = lanes;

        public void Apply(long row, int column)
        {
            var sum = 0.0;
            for (long lane = column; lane < _lanes; lane += NormLastLanes)
                sum += _sums[lane];
            _sums[_lanes + column] = sum;
        }
    }

    internal readonly struct GradientStateElement(Matrix<StoredFloat32> state, ArrayView<double> sums, long lanes, float maximumNorm) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _state = state;
        private readonly ArrayView<double> _sums = sums;
        private readonly long _lanes = lanes;
        private readonly float _maximumNorm = maximumNorm;

        public void Apply(long row, int column)
        {
            var squares = 0.0;
            for (var lane = 0; lane < NormLastLanes; lane++)
                squares += _sums[_lanes + lane];
            var norm = (float)Math.Sqrt(squares);
            var factor = _maximumNorm / (norm + 1e-6f);
            _state.Write(0, norm);
            _state.Write(1, float.IsNaN(factor) ? factor : factor < 1f ? factor : 1f);
            _state.Write(2, float.IsFinite(norm) ? 1f : 0f);
            _state.Write(3, 0f);
        }
    }

    /// <summary>PyTorch's single-tensor AdamW, operation by operation; the bias corrections are taken in double on the host.</summary>
    internal readonly struct AdamWElement<TParameter, TMoment>(Matrix<TParameter> parameters, Matrix<TMoment> firstMoments, Matrix<TMoment> secondMoments, Matrix<StoredFloat32> gradients,
        Matrix<StoredFloat32> state, Matrix<StoredBFloat16> workingCopy, bool lacksWorkingCopy, long length, in AdamWStep step) : IElementOperator
        where TParameter : unmanaged, IStored<TParameter>
        where TMoment : unmanaged, IStored<TMoment>
    {
        private readonly Matrix<TParameter> _parameters = parameters;
        private readonly Matrix<TMoment> _firstMoments = firstMoments;
        private readonly Matrix<TMoment> _secondMoments = secondMoments;
        private readonly Matrix<StoredFloat32> _gradients = gradients;
        private readonly Matrix<StoredFloat32> _state = state;
        private readonly Matrix<StoredBFloat16> _workingCopy = workingCopy;
        private readonly int _hasWorkingCopy = lacksWorkingCopy ? 0 : 1;
        private readonly long _length = length;
        private readonly float _decay = (float)(1 - step.LearningRate * step.WeightDecay);
        private readonly float _oneMinusBeta1 = (float)(1 - step.Beta1);
        private readonly float _beta2 = (float)step.Beta2;
        private readonly float _oneMinusBeta2 = (float)(1 - step.Beta2);
        private readonly float _epsilon = (float)step.Epsilon;
        private readonly float _negativeStepSize = (float)(-step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));
        private readonly float _rootOfCorrection = (float)Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step));
        private readonly int _step = step.Step;
        private readonly ulong _seed = step.Seed;

        public void Apply(long row, int column)
        {
            var i = VectorIndex.Of(row, column);
            if (i >= _length || _state.Read(2) == 0f)
                return;
            var gradient = _gradients.Read(i) * _state.Read(1);
            var parameter = _parameters.Read(i) * _decay;
            var first = _firstMoments.Read(i);
            first = MathF.FusedMultiplyAdd(_oneMinusBeta1, gradient - first, first);
            var second = _secondMoments.Read(i) * _beta2 + _oneMinusBeta2 * gradient * gradient;
            parameter += _negativeStepSize * first / (MathF.Sqrt(second) / _rootOfCorrection + _epsilon);
            var random = StochasticRounding.Bits(i, _step, _seed);
            _parameters.WriteStochastically(i, parameter, random.Parameter);
            _firstMoments.WriteStochastically(i, first, random.FirstMoment);
            _secondMoments.WriteStochastically(i, second, random.SecondMoment);
            if (_hasWorkingCopy != 0)
                _workingCopy.Write(i, parameter);
        }
    }

    internal readonly struct FillElement(Matrix<StoredFloat32> view, float value) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _view = view;
        private readonly float _value = value;

        public void Apply(long row, int column) => _view.Write(row, column, _value);
    }

    internal readonly struct FillVectorElement(Matrix<StoredFloat32> view, long length, float value) : IElementOperator
    {
        private readonly Matrix<StoredFloat32> _view = view;
        private readonly long _length = length;
        private readonly float _value = value;

        public void Apply(long row, int column)
        {
            var i = VectorIndex.Of(row, column);
            if (i < _length)
                _view.Write(i, _value);
        }
    }

    internal readonly struct FillDoubleElement(ArrayView<double> elements, long stride, double value) : IElementOperator
    {
        private readonly ArrayView<double> _elements = elements;
        private readonly long _stride = stride;
        private readonly double _value = value;

        public void Apply(long row, int column) => _elements[row * _stride + column] = _value;
    }

    /// <summary>A conversion; with a length the views are vectors of <see cref="VectorIndex"/>.</summary>
    internal readonly struct CopyElement<TDestination, TSource>(Matrix<TDestination> destination, Matrix<TSource> source, long length = -1) : IElementOperator
        where TDestination : unmanaged, IStored<TDestination>
        where TSource : unmanaged, IStored<TSource>
    {
        private readonly Matrix<TDestination> _destination = destination;
        private readonly Matrix<TSource> _source = source;
        private readonly long _length = length;

        public CopyElement<TDestination, TSource> WithLength(long length) => new(_destination, _source, length);

        public void Apply(long row, int column)
        {
            if (_length < 0)
            {
                _destination.Write(row, column, _source.Read(row, column));
                return;
            }
            var i = VectorIndex.Of(row, column);
            if (i < _length)
                _destination.Write(i, _source.Read(i));
        }
    }

    internal readonly struct CopyBitsElement<TBits>(ArrayView<TBits> destination, long destinationStride, ArrayView<TBits> source, long sourceStride) : IElementOperator
        where TBits : unmanaged
    {
        private readonly ArrayView<TBits> _destination = destination;
        private readonly long _destinationStride = destinationStride;
        private readonly ArrayView<TBits> _source = source;
        private readonly long _sourceStride = sourceStride;

        public void Apply(long row, int column) => _destination[row * _destinationStride + column] = _source[row * _sourceStride + column];
    }
}
