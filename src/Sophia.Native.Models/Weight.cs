namespace Sophia.Native.Models;

/// <summary>A parameter in device memory with its gradient.</summary>
/// <param name="Value">[rows, columns] of the storage type, or absent where the model has no such parameter.</param>
/// <param name="Gradient">[rows, columns] Float32, or absent where the parameter is frozen.</param>
public readonly record struct Weight(DeviceView Value, DeviceView Gradient);
