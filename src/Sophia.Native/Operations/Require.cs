using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Sophia.Native;

/// <summary>The border checks of the operations: what an argument must be, and the message when it is not.</summary>
internal static class Require
{
    public static void Shape(DeviceView view, long rows, long columns, ElementType type = ElementType.Float32,
        [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        if (view.Rows != rows || view.Columns != columns || view.Type != type || (view.Buffer is null && rows * columns > 0))
            Fail(view, $"[{rows}, {columns}] {type}", name, operation);
    }

    /// <summary>A matrix of a type in which activations and parameters are stored, and that type.</summary>
    /// <exception cref="NotSupportedException">The backend has no operations on that type.</exception>
    public static ElementType Storage(Backend backend, DeviceView view, [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        var type = view.Type;
        if (type is not (ElementType.Float32 or ElementType.BFloat16) || (view.Buffer is null && view.Length > 0) || view.IsAbsent)
            Fail(view, "a matrix of Float32 or BFloat16", name, operation);
        Supported(backend, type, name, operation);
        return type;
    }

    /// <summary>A type in which the backend can store activations and parameters.</summary>
    public static void Supported(Backend backend, ElementType type, string name, string operation)
    {
        if (!backend.Supports(type))
            throw new NotSupportedException($"{operation}: {name} is stored as {type}, which the backend '{backend.Name}' does not support ({backend.Description}). Store it as Float32, or open a backend that supports {type}.");
    }

    public static void Matrix(DeviceView view, ElementType type = ElementType.Float32,
        [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        if (view.Type != type || (view.Buffer is null && view.Length > 0) || view.IsAbsent)
            Fail(view, $"a matrix of {type}", name, operation);
    }

    public static void Vector(DeviceView view, long length, ElementType type = ElementType.Float32,
        [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        if (view.Length != length || !view.IsContiguous || view.Type != type || (view.Buffer is null && length > 0))
            Fail(view, $"{length} contiguous elements of {type}", name, operation);
    }

    public static void OptionalVector(DeviceView view, long length, ElementType type = ElementType.Float32,
        [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        if (!view.IsAbsent)
            Vector(view, length, type, name, operation);
    }

    public static void OptionalShape(DeviceView view, long rows, long columns, ElementType type = ElementType.Float32,
        [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string operation = "")
    {
        if (!view.IsAbsent)
            Shape(view, rows, columns, type, name, operation);
    }

    public static void That(bool condition, string expectation, [CallerMemberName] string operation = "")
    {
        if (!condition)
            throw new ArgumentException($"{operation}: expected {expectation}.");
    }

    /// <summary>The same with values in the message, which is put together only where the condition does not hold: a step allocates nothing.</summary>
    public static void That(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref Expectation expectation, [CallerMemberName] string operation = "")
    {
        if (!condition)
            throw new ArgumentException($"{operation}: expected {expectation.ToStringAndClear()}.");
    }

    [DoesNotReturn]
    private static void Fail(DeviceView view, string expected, string name, string operation) =>
        throw new ArgumentException($"{operation}: {name} must be {expected}, found {view}.", name);

    /// <summary>An interpolated message that is formatted only where its condition does not hold.</summary>
    [InterpolatedStringHandler]
    public ref struct Expectation
    {
        private DefaultInterpolatedStringHandler _text;

        public Expectation(int literalLength, int formattedCount, bool condition, out bool isNeeded)
        {
            isNeeded = !condition;
            _text = isNeeded ? new(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string text) => _text.AppendLiteral(text);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string ToStringAndClear() => _text.ToStringAndClear();
    }
}
