namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>One object of a scene, and also one statement about a scene: "in this cell there is an object of this size, color and shape".</summary>
/// <param name="Cell">The cell it stands in.</param>
/// <param name="Size">Its size.</param>
/// <param name="Color">Its color.</param>
/// <param name="Shape">Its shape.</param>
internal readonly record struct SceneObject(WorldCell Cell, ObjectSize Size, ObjectColor Color, ObjectShape Shape)
{
    /// <summary>Circle one, square two, triangle three.</summary>
    public int Price => (int)Shape + 1;
}
