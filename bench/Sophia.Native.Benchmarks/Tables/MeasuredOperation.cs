namespace Sophia.Native.Benchmarks.Tables;

/// <summary>A call of one operation at a size of a model.</summary>
/// <param name="Name">The operation's name and what is special about the call.</param>
/// <param name="Shape">The sizes.</param>
/// <param name="Bytes">The fewest bytes that must be read and written.</param>
/// <param name="Operations">Floating-point operations of its matrix products; 0 where bytes alone count.</param>
/// <param name="Run">Asks for it once.</param>
internal sealed record MeasuredOperation(string Name, string Shape, double Bytes, double Operations, Action Run);
