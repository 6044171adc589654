namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// Two to four objects in different cells, in reading order, and the address of the random numbers of their picture
/// (exact place, radius, shade and noise), so that a scene has exactly one picture.
/// </summary>
internal sealed class Scene
{
    private readonly SceneObject[] _objects;

    /// <summary>A scene with the given objects.</summary>
    /// <param name="seed">Seed of the world; with <paramref name="index"/> it fixes what the picture leaves open.</param>
    /// <param name="index">Number of the scene in its world.</param>
    /// <param name="objects">At most one object a cell, in reading order.</param>
    /// <exception cref="ArgumentException">The objects are not in reading order, share a cell, or have a value outside its enumeration.</exception>
    public Scene(ulong seed, long index, ReadOnlySpan<SceneObject> objects)
    {
        for (int i = 0; i < objects.Length; i++)
        {
            SceneObject one = objects[i];
            if (one.Cell > WorldCell.Southeast || one.Size > ObjectSize.Big || one.Color > ObjectColor.Yellow || one.Shape > ObjectShape.Triangle)
                throw new ArgumentException($"Object {i} has a cell, size, color or shape that does not exist: {one}.", nameof(objects));
            if (i > 0 && one.Cell <= objects[i - 1].Cell)
                throw new ArgumentException($"Expected one object a cell in reading order; object {i} in {one.Cell} follows one in {objects[i - 1].Cell}.", nameof(objects));
        }

        Seed = seed;
        Index = index;
        _objects = objects.ToArray();
    }

    /// <summary>Seed of the world.</summary>
    public ulong Seed { get; }

    /// <summary>Number of the scene in its world.</summary>
    public long Index { get; }

    /// <summary>The objects, in reading order of their cells.</summary>
    public ReadOnlySpan<SceneObject> Objects => _objects;

    /// <summary>Whether a statement about an object is true: exactly that object stands in that cell.</summary>
    public bool Contains(SceneObject claim)
    {
        foreach (SceneObject one in _objects)
        {
            if (one == claim) return true;
        }

        return false;
    }

    /// <summary>The object in a cell, or null where the cell is empty.</summary>
    public SceneObject? At(WorldCell cell)
    {
        foreach (SceneObject one in _objects)
        {
            if (one.Cell == cell) return one;
        }

        return null;
    }
}
