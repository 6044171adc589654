namespace Sophia.Native.Pipeline.Quickstart;

/// <summary>The shape of an object; its value plus one is the object's price, see <see cref="SceneObject.Price"/>.</summary>
internal enum ObjectShape : byte
{
    /// <summary>A disc: price one.</summary>
    Circle,

    /// <summary>An upright square: price two.</summary>
    Square,

    /// <summary>A triangle standing on its side: price three.</summary>
    Triangle,
}
