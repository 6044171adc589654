namespace Sophia.Native.Cuda;

/// <summary>How many rows of a product there are, where the device alone knows: those of a list from one number on. The host launches for as many as there may be; tiles behind the last row end at once.</summary>
/// <param name="Count">[1] Int32, the length of the list; absent where all rows are there.</param>
/// <param name="First">The number in the list of the product's first row.</param>
internal readonly record struct CountedRows(DeviceView Count, int First)
{
    /// <summary>All rows.</summary>
    public static CountedRows All => default;
}
