using Sophia.Native.Ilgpu.Kernels;

namespace Sophia.Native.Ilgpu;

// Residual connection with a layer scale: output = residual + scale * branch; dBranch = scale * dOutput; dScale += sum over rows of dOutput * branch. Matrices [N, C], scale [C] in storage, dScale [C] floats.
// Bound by bytes: 3*N*C elements each way. Where to read first: ResidualForwardElement.
public sealed partial class IlgpuBackend
{
    /// <inheritdoc/>
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale)
    {
        if (branch.Type == ElementType.BFloat16)
            ForEach(new ResidualForwardElement<StoredBFloat16>(Of<StoredBFloat16>(output), Of<StoredBFloat16>(residual), Of<StoredBFloat16>(branch), Of<StoredBFloat16>(scale), scale.IsAbsent ? 0 : 1),
                branch.Rows, branch.Columns);
        else
            ForEach(new ResidualForwardElement<StoredFloat32>(Of<StoredFloat32>(output), Of<StoredFloat32>(residual), Of<StoredFloat32>(branch), Of<StoredFloat32>(scale), scale.IsAbsent ? 0 : 1),
                branch.Rows, branch.Columns);
    }

    /// <inheritdoc/>
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        if (branch.Type == ElementType.BFloat16)
            ResidualBackward<StoredBFloat16>(dBranch, dScale, dOutput, branch, scale);
        else
            ResidualBackward<StoredFloat32>(dBranch, dScale, dOutput, branch, scale);
    }

    private void ResidualBackward<TStored>(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
        where TStored : unmanaged, IStored<TStored>
    {
        AddColumnSums(dScale, new ResidualScaleTerm<TStored>(Of<TStored>(dOutput), Of<TStored>(branch)), branch.Rows, nameof(ResidualBackward));
        ForEach(new ResidualBackwardElement<TStored>(Of<TStored>(dBranch), Of<TStored>(dOutput), Of<TStored>(scale)), branch.Rows, branch.Columns, nameof(ResidualBackward));
    }

    internal readonly struct ResidualForwardElement<TStored>(Matrix<TStored> output, Matrix<TStored> residual, Matrix<TStored> branch, Matrix<TStored> scale, int hasScale) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _output = output;
        private readonly Matrix<TStored> _residual = residual;
        private readonly Matrix<TStored> _branch = branch;
        private readonly Matrix<TStored> _scale = scale;
        private readonly int _hasScale = hasScale;

        public void Apply(long row, int column)
        {
            var branch = _branch.Read(row, column);
            var residual = _residual.Read(row, column);
            _output.Write(row, column, _hasScale != 0 ? MathF.FusedMultiplyAdd(_scale.Read(column), branch, residual) : residual + branch);
        }
    }

    internal readonly struct ResidualBackwardElement<TStored>(Matrix<TStored> dBranch, Matrix<TStored> dOutput, Matrix<TStored> scale) : IElementOperator
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dBranch = dBranch;
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _scale = scale;

        public void Apply(long row, int column) => _dBranch.Write(row, column, _scale.Read(column) * _dOutput.Read(row, column));
    }

    internal readonly struct ResidualScaleTerm<TStored>(Matrix<TStored> dOutput, Matrix<TStored> branch) : IColumnTerm
        where TStored : unmanaged, IStored<TStored>
    {
        private readonly Matrix<TStored> _dOutput = dOutput;
        private readonly Matrix<TStored> _branch = branch;

        public float Add(float sum, long row, int column) => MathF.FusedMultiplyAdd(_dOutput.Read(row, column), _branch.Read(row, column), sum);
    }
}
