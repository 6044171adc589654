namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>output = residual + scale * branch: the residual connection, with InternViT's layer scale where there is one. Storage: all arguments.</summary>
    /// <param name="output">[N, C], overwritten; may be residual or branch.</param>
    /// <param name="residual">[N, C].</param>
    /// <param name="branch">[N, C].</param>
    /// <param name="scale">[C], or absent for 1.</param>
    public void ResidualForward(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale = default)
    {
        var storage = Require.Storage(this, branch);
        Require.Shape(residual, branch.Rows, branch.Columns, storage);
        Require.Shape(output, branch.Rows, branch.Columns, storage);
        Require.OptionalVector(scale, branch.Columns, storage);
        ResidualForwardCore(output, residual, branch, scale);
    }

    /// <summary>dBranch = scale * dOutput; dScale += sum over rows of dOutput * branch. The gradient of residual is dOutput itself. Only needed where there is a scale. Storage: all but dScale.</summary>
    /// <param name="dBranch">[N, C], overwritten.</param>
    /// <param name="dScale">[C] Float32, added to; absent when frozen.</param>
    /// <param name="dOutput">[N, C].</param>
    /// <param name="branch">[N, C], of the forward pass.</param>
    /// <param name="scale">[C].</param>
    public void ResidualBackward(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        var storage = Require.Storage(this, branch);
        Require.Shape(dOutput, branch.Rows, branch.Columns, storage);
        Require.Shape(dBranch, branch.Rows, branch.Columns, storage);
        Require.Vector(scale, branch.Columns, storage);
        Require.OptionalVector(dScale, branch.Columns);
        ResidualBackwardCore(dBranch, dScale, dOutput, branch, scale);
    }

    /// <inheritdoc cref="ResidualForward"/>
    protected abstract void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale);

    /// <inheritdoc cref="ResidualBackward"/>
    protected abstract void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale);
}
