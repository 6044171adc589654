using Sophia.Native.Models.Files;

namespace Sophia.Native.Models;

/// <summary>
/// A random initialization: weights, embedding, class token and positions normal with the configuration's <c>initializer_range</c>, biases 0, norms 1, layer scales their constant;
/// of an adapter A uniform within one over the root of its columns and B 0, so that it begins as no change.
/// Each number is a function of the seed, the parameter's name and the element's index alone, so it depends neither on pieces, nor on other parameters, nor on the machine.
/// </summary>
public static class ParameterInitializer
{
    private const int ChunkElements = 1 << 20;

    /// <summary>Published vision configurations hold 1e-10, with which an encoder would begin at nothing; below this limit the decoder's range serves.</summary>
    private const double SmallestRange = 1e-6;

    /// <summary>Keeps these draws apart from those of sampling and shuffling under the same seed.</summary>
    private const uint Purpose = 0x494E4954;

    /// <summary>Writes all parameters.</summary>
    /// <param name="layout">The parameters.</param>
    /// <param name="seed">The seed; equal seeds give equal parameters.</param>
    /// <param name="sink">Takes the parameters in chunks of whole rows.</param>
    public static void Initialize(ParameterLayout layout, ulong seed, IParameterSink sink) => Initialize(layout, seed, sink, ChunkElements);

    /// <summary>Writes the matrices of an adapter alone, over a model that is there.</summary>
    /// <param name="layout">The parameters, with an adapter.</param>
    /// <param name="seed">The seed; equal seeds give equal matrices.</param>
    /// <param name="sink">Takes the matrices in chunks of whole rows.</param>
    public static void InitializeAdapter(ParameterLayout layout, ulong seed, IParameterSink sink) => Initialize(layout, seed, sink, ChunkElements, ParameterGroup.Adapter);

    internal static void Initialize(ParameterLayout layout, ulong seed, IParameterSink sink, int chunkElements, ParameterGroup? only = null)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(sink);
        var (vision, text) = (layout.Config.Vision, layout.Config.Text);
        var visionRange = vision.InitializerRange >= SmallestRange ? vision.InitializerRange : text.InitializerRange;
        var buffer = Array.Empty<float>();
        foreach (var parameter in layout.Parameters)
        {
            if (only is { } group && parameter.Group != group) continue;
            var rowsAtOnce = Math.Clamp(chunkElements / parameter.Columns, 1, parameter.Rows);
            if (buffer.Length < rowsAtOnce * parameter.Columns) buffer = new float[rowsAtOnce * parameter.Columns];
            var range = parameter.Group == ParameterGroup.Vision ? visionRange : text.InitializerRange;
            for (var row = 0; row < parameter.Rows; row += rowsAtOnce)
            {
                var chunk = buffer.AsSpan(0, Math.Min(rowsAtOnce, parameter.Rows - row) * parameter.Columns);
                switch (parameter.Initialization)
                {
                    case Initialization.Normal:
                        Fill(buffer, chunk.Length, (long)row * parameter.Columns, Hash(parameter.Name), seed, word => (float)(range * NormalDistribution.FromWord(word)));
                        break;
                    case Initialization.Uniform:
                        var bound = 1 / Math.Sqrt(parameter.Columns);
                        Fill(buffer, chunk.Length, (long)row * parameter.Columns, Hash(parameter.Name), seed, word => (float)(bound * ((word + 0.5) * (1.0 / 2147483648.0) - 1)));
                        break;
                    case Initialization.One:
                        chunk.Fill(1);
                        break;
                    case Initialization.LayerScale:
                        chunk.Fill((float)vision.LayerScaleInitialValue);
                        break;
                    default:
                        chunk.Clear();
                        break;
                }
                sink.Write(parameter, row, chunk);
            }
        }
    }

    /// <summary>Fills the first <paramref name="count"/> places of the buffer on all cores; a number depends on its index alone, so the pieces may come in any order.</summary>
    private static void Fill(float[] buffer, int count, long first, ulong hash, ulong seed, Func<uint, float> number)
    {
        const int Piece = 1 << 15;
        Parallel.For(0, (count + Piece - 1) / Piece, piece =>
        {
            var start = piece * Piece;
            Fill(buffer.AsSpan(start, Math.Min(Piece, count - start)), first + start, hash, seed, number);
        });
    }

    /// <summary>Element i takes word i mod 4 of block i / 4.</summary>
    private static void Fill(Span<float> destination, long first, ulong hash, ulong seed, Func<uint, float> number)
    {
        var index = 0;
        while (index < destination.Length)
        {
            var element = first + index;
            var block = Philox.Block(checked((uint)(element >> 2)), (uint)hash, (uint)(hash >> 32), Purpose, seed);
            for (var lane = (int)(element & 3); lane < 4 && index < destination.Length; lane++)
            {
                var word = lane switch { 0 => block.X0, 1 => block.X1, 2 => block.X2, _ => block.X3 };
                destination[index++] = number(word);
            }
        }
    }

    /// <summary>FNV-1a over the letters of a name, 64 bits.</summary>
    private static ulong Hash(string name)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var letter in name) hash = unchecked((hash ^ letter) * 0x100000001B3UL);
        return hash;
    }
}
