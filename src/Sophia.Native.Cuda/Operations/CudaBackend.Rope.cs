using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/rope.cu. Positions are read on the device alone: one outside the table is reported when the host next waits for the device.
public sealed partial class CudaBackend
{
    private const int RopeThreads = 256;

    /// <summary>HEADS_PER_THREAD of the kernel file.</summary>
    private const int RopeHeadsPerThread = 4;

    private static readonly KernelFile RopeFile = new("rope", "ALIGNED");

    /// <inheritdoc/>
    protected override void RopeCore(DeviceView values, DeviceView table, DeviceView positions, int headSize, bool inverse)
    {
        if (values.Length == 0)
            return;
        var heads = checked((int)(values.Columns / headSize));
        var vectors = (headSize / 2 + Alignment.Vector(values.Type) - 1) / Alignment.Vector(values.Type);
        var rowsPerBlock = Math.Max(1, RopeThreads / (vectors * ((heads + RopeHeadsPerThread - 1) / RopeHeadsPerThread)));
        var launch = Begin(RopeFile, "rope", values.Type, Alignment.Of(headSize / 2, values.Type, values, table));
        launch.AddMatrix(values);
        launch.AddMatrix(table);
        launch.Add(positions);
        launch.Add(checked((int)values.Rows));
        launch.Add(heads);
        launch.Add(headSize);
        launch.Add(checked((int)table.Rows));
        launch.Add(inverse ? 1 : 0);
        launch.Add(rowsPerBlock);
        launch.AddFaults();
        launch.Run((values.Rows + rowsPerBlock - 1) / rowsPerBlock, 1, 1, RopeThreads, 0);
    }
}
