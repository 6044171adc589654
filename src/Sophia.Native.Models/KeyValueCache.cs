namespace Sophia.Native.Models;

/// <summary>Keys and values of every layer for a number of slots; a slot holds one sequence of up to <see cref="Capacity"/> tokens in adjacent rows.</summary>
public sealed class KeyValueCache
{
    private readonly DeviceView[] _keys;
    private readonly DeviceView[] _values;

    internal KeyValueCache(Arena arena, TextConfig config, ElementType storage, int slots, int capacity)
    {
        Slots = slots;
        Capacity = capacity;
        _keys = new DeviceView[config.LayerCount];
        _values = new DeviceView[config.LayerCount];
        var columns = config.KeyValueHeadCount * config.HeadSize;
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            _keys[layer] = arena.Take("key cache", (long)slots * capacity, columns, storage);
            _values[layer] = arena.Take("value cache", (long)slots * capacity, columns, storage);
        }
    }

    /// <summary>Number of sequences.</summary>
    public int Slots { get; }

    /// <summary>Tokens of a slot.</summary>
    public int Capacity { get; }

    /// <summary>[slots * capacity, K * D]: keys of a layer.</summary>
    /// <param name="layer">The layer.</param>
    public DeviceView Keys(int layer) => _keys[layer];

    /// <summary>[slots * capacity, K * D]: values of a layer.</summary>
    /// <param name="layer">The layer.</param>
    public DeviceView Values(int layer) => _values[layer];
}
