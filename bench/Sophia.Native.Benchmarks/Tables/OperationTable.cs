using System.Globalization;

namespace Sophia.Native.Benchmarks.Tables;

/// <summary>
/// Times every operation at the sizes of a model and states it as a share of its bound: bytes over the bandwidth of a copy, or operations over the rate of a large matrix product, both measured in the same run.
/// </summary>
internal static class OperationTable
{
    private const long CopyBytes = 1L << 29;
    private const int ProductSize = 8192;

    public static int Run(ReadOnlySpan<string> arguments)
    {
        var options = TableOptions.Parse(arguments);
        using var backend = options.OpenBackend();
        using var table = new TableWriter(options.Output);
        var (bandwidth, rate, size) = options.Anchors ? Anchors(backend, options) : default;
        table.Line($"# Operations at the sizes of {options.ConfigName}, {options.Storage}");
        table.Line("");
        table.Line($"{DateTime.UtcNow:yyyy-MM-dd}, {backend.Description}; `operations {string.Join(' ', arguments)}`; median of {options.Rounds} rounds, spread = (slowest - fastest) / median.");
        if (options.Anchors)
            table.Line(string.Create(CultureInfo.InvariantCulture, $"Anchors of this run: a copy moves {bandwidth / 1e9:0} GB/s (read and written), LinearForward of {size}^3 does {rate / 1e12:0.00} TFLOP/s. Share = the larger of bytes / copy and operations / product, over the time."));
        table.Line("");
        table.Header("operation", "shape", "microseconds", "spread", "GB/s", "TFLOP/s", "share of the bound", "operands MB");
        foreach (var (name, create) in new ModelOperations(backend, options).All())
        {
            if (!name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase))
                continue;
            using var operands = new DeviceOperands(backend, options.Storage);
            var operation = create(operands);
            var operandBytes = operands.Bytes;
            var time = Measurement.Of(backend, options.Rounds, operation.Run);
            var bound = Math.Max(operation.Bytes / bandwidth, operation.Operations / rate);
            table.Row(operation.Name, operation.Shape, Number(time.Median * 1e6), Percent(time.Spread), Number(operation.Bytes / time.Median / 1e9),
                operation.Operations > 0 ? Number(operation.Operations / time.Median / 1e12) : "-", options.Anchors ? Percent(bound / time.Median) : "-", Number(operandBytes / 1e6));
        }
        return 0;
    }

    /// <summary>Bytes a second of a large copy, operations a second of a large product, and its size; smaller where the tokens asked for are few, so that a rehearsal ends.</summary>
    private static (double Bandwidth, double Rate, int Size) Anchors(Backend backend, TableOptions options)
    {
        var isRehearsal = options.Tokens < 1024;
        using var operands = new DeviceOperands(backend, options.Storage);
        var elements = (isRehearsal ? 1L << 16 : CopyBytes) / sizeof(float);
        var (source, destination) = (operands.Floats(elements), operands.Floats(elements));
        var copy = Measurement.Of(backend, options.Rounds, () => backend.Copy(destination, source));
        var size = isRehearsal ? 64 : options.Backend == "cpu" ? 1024 : ProductSize;
        var (output, input, weight) = (operands.Matrix(size, size), operands.Matrix(size, size), operands.Matrix(size, size));
        var product = Measurement.Of(backend, options.Rounds, () => backend.LinearForward(output, input, weight));
        return (2.0 * elements * sizeof(float) / copy.Fastest, 2.0 * size * size * size / product.Fastest, size);
    }

    private static string Number(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("0 %", CultureInfo.InvariantCulture);
}
