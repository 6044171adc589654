namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>output = residual + scale * branch: the residual connection, with InternViT's layer scale where there is one.</summary>
    /// <param name="output">[N, C], overwritten; may be residual or branch.</param>
    /// <param name="residual">[N, C].</param>
    /// <param name="branch">[N, C].</param>
    /// <param name="scale">[C], or absent for 1.</param>
    public void ResidualForward(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale = default)
    {
        Require.Matrix(branch);
        Require.Shape(residual, branch.Rows, branch.Columns);
        Require.Shape(output, branch.Rows, branch.Columns);
        Require.OptionalVector(scale, branch.Columns);
        ResidualForwardCore(output, residual, branch, scale);
    }

    /// <summary>dBranch = scale * dOutput; dScale += sum over rows of dOutput * branch. The gradient of residual is dOutput itself. Only needed where there is a scale.</summary>
    /// <param name="dBranch">[N, C], overwritten.</param>
    /// <param name="dScale">[C], added to; absent when frozen.</param>
    /// <param name="dOutput">[N, C].</param>
    /// <param name="branch">[N, C], of the forward pass.</param>
    /// <param name="scale">[C].</param>
    public void ResidualBackward(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        Require.Matrix(branch);
        Require.Shape(dOutput, branch.Rows, branch.Columns);
        Require.Shape(dBranch, branch.Rows, branch.Columns);
        Require.Vector(scale, branch.Columns);
        Require.OptionalVector(dScale, branch.Columns);
        ResidualBackwardCore(dBranch, dScale, dOutput, branch, scale);
    }

    /// <inheritdoc cref="ResidualForward"/>
    protected abstract void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale);

    /// <inheritdoc cref="ResidualBackward"/>
    protected abstract void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale);
}
