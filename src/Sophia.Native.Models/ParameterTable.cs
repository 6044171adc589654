using System.Globalization;

namespace Sophia.Native.Models;

/// <summary>Declares the parameters of a configuration in the order of the forward pass; <see cref="ParameterLayout"/> gives them their places.</summary>
internal static class ParameterTable
{
    public static List<Parameter> Declare(InternVLConfig config)
    {
        var table = new List<Parameter>();
        DeclareVision(table, config.Vision);
        DeclareProjector(table, config);
        DeclareDecoder(table, config.Text);
        return table;
    }

    /// <summary>A and B of every adapted layer. Both have two dimensions, so that weight decay applies, as in PEFT's training.</summary>
    public static void DeclareAdapter(List<Parameter> table, int rank, IReadOnlyList<LinearModule> modules)
    {
        foreach (var module in modules)
        {
            table.Add(new Parameter(module.DownName, rank, module.Columns, ParameterGroup.Adapter, Decays: true, Offset: 0) { Initialization = Initialization.Uniform });
            table.Add(new Parameter(module.UpName, module.Rows, rank, ParameterGroup.Adapter, Decays: true, Offset: 0) { Initialization = Initialization.Zero });
        }
    }

    private static void DeclareVision(List<Parameter> table, VisionConfig vision)
    {
        const ParameterGroup Group = ParameterGroup.Vision;
        var hidden = vision.HiddenSize;
        var layerNorm = vision.Normalization == VisionNormalization.LayerNorm;
        Matrix(table, Group, "vision.patch.weight", hidden, vision.PatchLength);
        Vector(table, Group, "vision.patch.bias", hidden, Initialization.Zero);
        Matrix(table, Group, "vision.class_token", 1, hidden);
        Matrix(table, Group, "vision.positions", 1 + vision.PatchCount, hidden);
        for (var layer = 0; layer < vision.LayerCount; layer++)
        {
            var prefix = string.Create(CultureInfo.InvariantCulture, $"vision.layers.{layer}.");
            Vector(table, Group, prefix + "norm1.weight", hidden, Initialization.One);
            if (layerNorm) Vector(table, Group, prefix + "norm1.bias", hidden, Initialization.Zero);
            Matrix(table, Group, prefix + "qkv.weight", 3 * hidden, hidden);
            if (vision.HasQueryKeyValueBias) Vector(table, Group, prefix + "qkv.bias", 3 * hidden, Initialization.Zero);
            if (vision.HasQueryKeyNorm)
            {
                Vector(table, Group, prefix + "query_norm.weight", hidden, Initialization.One);
                Vector(table, Group, prefix + "key_norm.weight", hidden, Initialization.One);
            }
            Matrix(table, Group, prefix + "projection.weight", hidden, hidden);
            Vector(table, Group, prefix + "projection.bias", hidden, Initialization.Zero);
            Vector(table, Group, prefix + "scale1", hidden, Initialization.LayerScale);
            Vector(table, Group, prefix + "norm2.weight", hidden, Initialization.One);
            if (layerNorm) Vector(table, Group, prefix + "norm2.bias", hidden, Initialization.Zero);
            Matrix(table, Group, prefix + "fc1.weight", vision.FeedForwardSize, hidden);
            Vector(table, Group, prefix + "fc1.bias", vision.FeedForwardSize, Initialization.Zero);
            Matrix(table, Group, prefix + "fc2.weight", hidden, vision.FeedForwardSize);
            Vector(table, Group, prefix + "fc2.bias", hidden, Initialization.Zero);
            Vector(table, Group, prefix + "scale2", hidden, Initialization.LayerScale);
        }
    }

    private static void DeclareProjector(List<Parameter> table, InternVLConfig config)
    {
        const ParameterGroup Group = ParameterGroup.Projector;
        var (input, output) = (config.ProjectorInputSize, config.Text.HiddenSize);
        Vector(table, Group, "projector.norm.weight", input, Initialization.One);
        Vector(table, Group, "projector.norm.bias", input, Initialization.Zero);
        Matrix(table, Group, "projector.fc1.weight", output, input);
        Vector(table, Group, "projector.fc1.bias", output, Initialization.Zero);
        Matrix(table, Group, "projector.fc2.weight", output, output);
        Vector(table, Group, "projector.fc2.bias", output, Initialization.Zero);
    }

    private static void DeclareDecoder(List<Parameter> table, TextConfig text)
    {
        const ParameterGroup Group = ParameterGroup.Decoder;
        var hidden = text.HiddenSize;
        Matrix(table, Group, "decoder.embedding", text.VocabularySize, hidden);
        for (var layer = 0; layer < text.LayerCount; layer++)
        {
            var prefix = string.Create(CultureInfo.InvariantCulture, $"decoder.layers.{layer}.");
            Vector(table, Group, prefix + "norm1.weight", hidden, Initialization.One);
            Matrix(table, Group, prefix + "qkv.weight", text.QueryKeyValueSize, hidden);
            if (text.HasQueryKeyValueBias) Vector(table, Group, prefix + "qkv.bias", text.QueryKeyValueSize, Initialization.Zero);
            Matrix(table, Group, prefix + "output.weight", hidden, text.HeadCount * text.HeadSize);
            Vector(table, Group, prefix + "norm2.weight", hidden, Initialization.One);
            Matrix(table, Group, prefix + "gate_up.weight", 2 * text.FeedForwardSize, hidden);
            Matrix(table, Group, prefix + "down.weight", hidden, text.FeedForwardSize);
        }
        Vector(table, Group, "decoder.norm.weight", hidden, Initialization.One);
        Matrix(table, Group, "decoder.head.weight", text.VocabularySize, hidden);
    }

    private static void Matrix(List<Parameter> table, ParameterGroup group, string name, int rows, int columns) =>
        table.Add(new Parameter(name, rows, columns, group, Decays: true, Offset: 0) { Initialization = Initialization.Normal });

    private static void Vector(List<Parameter> table, ParameterGroup group, string name, int length, Initialization initialization) =>
        table.Add(new Parameter(name, 1, length, group, Decays: false, Offset: 0) { Initialization = initialization });
}
