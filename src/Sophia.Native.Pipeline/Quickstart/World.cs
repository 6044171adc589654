namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>
/// The small world of the quickstart: pictures of two to four colored shapes in two by two cells, and questions about prices.
/// Scene and question are pure functions of (seed, index), in any order and on any machine. Worlds with different seeds are independent:
/// train in one, evaluate in another.
/// </summary>
/// <param name="seed">Names the world.</param>
internal sealed class World(ulong seed)
{
    /// <summary>Cells in the picture.</summary>
    public const int CellCount = 4;

    /// <summary>Fewest objects in a scene.</summary>
    public const int FewestObjects = 2;

    /// <summary>Most objects in a scene.</summary>
    public const int MostObjects = 4;

    /// <summary>The seed that names this world.</summary>
    public ulong Seed => seed;

    /// <summary>The scene with this number: number of objects, cells, sizes, colors and shapes are all uniform and independent.</summary>
    /// <param name="index">Any number.</param>
    public Scene CreateScene(long index) => DrawScene(seed, RandomPurpose.Layout, index);

    /// <summary>Question <paramref name="number"/> about a scene: about everything half of the time, else about the small or the big objects.</summary>
    /// <param name="index">Number of the scene.</param>
    /// <param name="number">Number of the question about this scene, from 0; two numbers may give the same question.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="number"/> is negative.</exception>
    public PriceQuestion CreateQuestion(long index, int number = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        var random = new RandomStream(seed, RandomPurpose.Question, (ulong)index);
        for (int skipped = 0; skipped < number; skipped++) random.NextWord();
        return PriceQuestion.Draw(ref random);
    }

    /// <summary>A scene whose objects come from a stream of their own, apart from the scenes that the world's users draw.</summary>
    internal static Scene DrawScene(ulong seed, RandomPurpose purpose, long index)
    {
        var random = new RandomStream(seed, purpose, (ulong)index);
        int count = FewestObjects + random.NextBelow(MostObjects - FewestObjects + 1);
        Span<SceneObject> objects = stackalloc SceneObject[MostObjects];
        int chosen = 0;

        // Of the cells still to come, take this one with probability (objects still wanted) / (cells still to come): a uniform subset, in order.
        for (int cell = 0; cell < CellCount; cell++)
        {
            if (random.NextBelow(CellCount - cell) >= count - chosen) continue;
            objects[chosen++] = new SceneObject((WorldCell)cell, (ObjectSize)random.NextBelow(2), (ObjectColor)random.NextBelow(4), (ObjectShape)random.NextBelow(3));
        }

        return new Scene(seed, index, objects[..chosen]);
    }
}
