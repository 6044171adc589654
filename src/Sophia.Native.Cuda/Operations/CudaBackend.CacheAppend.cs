using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda;

// kernels/cache_append.cu. Row indices are read on the device alone: one outside the cache is reported when the host next waits for the device.
public sealed partial class CudaBackend
{
    private static readonly KernelFile CacheAppendFile = new("cache_append");

    /// <inheritdoc/>
    protected override void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        if (key.Rows == 0)
            return;
        var launch = Begin(CacheAppendFile, "cache_append", key.Type);
        launch.AddMatrix(keyCache);
        launch.AddMatrix(valueCache);
        launch.AddMatrix(key);
        launch.AddMatrix(value);
        launch.Add(rows);
        launch.Add(checked((int)keyCache.Rows));
        launch.Add((int)key.Columns);
        launch.AddFaults();
        launch.Run(key.Rows, 2, 1, 128, 0);
    }
}
