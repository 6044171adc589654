using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/residual.cu.
public sealed partial class CudaBackend
{
    /// <summary>The least rows of a part of the backward pass: fewer would write more partial sums than they read.</summary>
    private const int ResidualRowsPerPart = 16;

    private static readonly KernelFile ResidualFile = new("residual", "ALIGNED");

    /// <inheritdoc/>
    protected override void ResidualForwardCore(DeviceView output, DeviceView residual, DeviceView branch, DeviceView scale)
    {
        if (branch.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(branch.Columns, branch.Type);
        var launch = Begin(ResidualFile, "residual_forward", branch.Type, Alignment.Of(branch.Columns, branch.Type, output, residual, branch, scale));
        launch.AddMatrix(output);
        launch.AddMatrix(residual);
        launch.AddMatrix(branch);
        launch.Add(scale);
        launch.Add(checked((int)branch.Rows));
        launch.Add(checked((int)branch.Columns));
        launch.Add(tiles.BlocksAcross);
        launch.Run(tiles.Blocks(branch.Rows), 1, 1, tiles.Threads, 0);
    }

    /// <inheritdoc/>
    protected override void ResidualBackwardCore(DeviceView dBranch, DeviceView dScale, DeviceView dOutput, DeviceView branch, DeviceView scale)
    {
        if (branch.Length == 0)
            return;
        var tiles = ElementwiseTiles.For(branch.Columns, branch.Type);
        var aligned = Alignment.Of(branch.Columns, branch.Type, dBranch, dOutput, branch, scale);
        var parts = (int)Math.Clamp(branch.Rows / ResidualRowsPerPart, 1, RowTeam.MostParts);
        var partials = dScale.IsAbsent ? default : PartialSums(1, parts, branch.Columns);
        var launch = Begin(ResidualFile, "residual_backward", branch.Type, aligned);
        launch.AddMatrix(dBranch);
        launch.Add(partials);
        launch.AddMatrix(dOutput);
        launch.AddMatrix(branch);
        launch.Add(scale);
        launch.Add(checked((int)branch.Rows));
        launch.Add(checked((int)branch.Columns));
        launch.Run(parts, tiles.BlocksAcross, 1, tiles.Threads, 0);
        if (!dScale.IsAbsent)
            AddPartialSums(Begin(ResidualFile, "add_partial_sums", branch.Type, aligned), dScale, default, partials, parts, branch.Columns);
    }
}
