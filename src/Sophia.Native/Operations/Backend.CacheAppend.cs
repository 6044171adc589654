namespace Sophia.Native;

public abstract partial class Backend
{
    /// <summary>Copies row n of the new keys and values to row rows[n] of the cache. Storage: all but rows.</summary>
    /// <param name="keyCache">[M, K * D]; the named rows are overwritten.</param>
    /// <param name="valueCache">[M, K * D]; the named rows are overwritten.</param>
    /// <param name="key">[N, K * D].</param>
    /// <param name="value">[N, K * D].</param>
    /// <param name="rows">[N] Int32, all different, each below M.</param>
    public void CacheAppend(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows)
    {
        var storage = Require.Storage(this, key);
        Require.Shape(value, key.Rows, key.Columns, storage);
        Require.Shape(keyCache, keyCache.Rows, key.Columns, storage);
        Require.Shape(valueCache, keyCache.Rows, key.Columns, storage);
        Require.Vector(rows, key.Rows, ElementType.Int32);
        CacheAppendCore(keyCache, valueCache, key, value, rows);
    }

    /// <inheritdoc cref="CacheAppend"/>
    protected abstract void CacheAppendCore(DeviceView keyCache, DeviceView valueCache, DeviceView key, DeviceView value, DeviceView rows);
}
