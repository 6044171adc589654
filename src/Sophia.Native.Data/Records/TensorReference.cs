namespace Sophia.Native.Data.Records;

/// <summary>A tensor of a safetensors file as a record names it: <c>file.safetensors#name</c>, where the name follows the last '#'.</summary>
/// <param name="File">Absolute path of the file.</param>
/// <param name="Name">Name of the tensor in it.</param>
public readonly record struct TensorReference(string File, string Name);
