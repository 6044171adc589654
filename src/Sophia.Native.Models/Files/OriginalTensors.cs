using System.Globalization;

namespace Sophia.Native.Models.Files;

/// <summary>The tensors of InternVLChatModel.</summary>
internal static class OriginalTensors
{
    public static void Declare(FileTensorTable table)
    {
        var vision = table.Config.Vision;
        table.WithShape("vision_model.embeddings.class_embedding", "vision.class_token", 1, 1, vision.HiddenSize);
        table.WithShape("vision_model.embeddings.position_embedding", "vision.positions", 1, 1 + vision.PatchCount, vision.HiddenSize);
        table.WithShape("vision_model.embeddings.patch_embedding.weight", "vision.patch.weight", vision.HiddenSize, 3, vision.PatchSize, vision.PatchSize);
        table.Whole("vision_model.embeddings.patch_embedding.bias", "vision.patch.bias");
        for (var layer = 0; layer < vision.LayerCount; layer++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"vision_model.encoder.layers.{layer}.");
            var canonical = string.Create(CultureInfo.InvariantCulture, $"vision.layers.{layer}.");
            table.Whole(file + "ls1", canonical + "scale1");
            table.Whole(file + "ls2", canonical + "scale2");
            table.WeightAndBias(file + "attn.qkv", canonical + "qkv");
            if (vision.HasQueryKeyNorm)
            {
                table.Whole(file + "attn.q_norm.weight", canonical + "query_norm.weight");
                table.Whole(file + "attn.k_norm.weight", canonical + "key_norm.weight");
            }
            table.WeightAndBias(file + "attn.proj", canonical + "projection");
            table.WeightAndBias(file + "mlp.fc1", canonical + "fc1");
            table.WeightAndBias(file + "mlp.fc2", canonical + "fc2");
            table.WeightAndBias(file + "norm1", canonical + "norm1");
            table.WeightAndBias(file + "norm2", canonical + "norm2");
        }
        table.WeightAndBias("mlp1.0", "projector.norm");
        table.WeightAndBias("mlp1.1", "projector.fc1");
        table.WeightAndBias("mlp1.3", "projector.fc2");
        if (table.Config.Text.Architecture == TextArchitecture.InternLM2) DeclareInternLM2(table);
        else HuggingFaceTensors.DeclareDecoder(table);
    }

    private static void DeclareInternLM2(FileTensorTable table)
    {
        var text = table.Config.Text;
        table.Whole("language_model.model.tok_embeddings.weight", "decoder.embedding");
        for (var layer = 0; layer < text.LayerCount; layer++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"language_model.model.layers.{layer}.");
            var canonical = string.Create(CultureInfo.InvariantCulture, $"decoder.layers.{layer}.");
            table.Interleaved(file + "attention.wqkv.weight", canonical + "qkv.weight", text.HeadCount, text.KeyValueHeadCount, text.HeadSize);
            table.Whole(file + "attention.wo.weight", canonical + "output.weight");
            table.Split(canonical + "gate_up", (file + "feed_forward.w1", text.FeedForwardSize), (file + "feed_forward.w3", text.FeedForwardSize));
            table.Whole(file + "feed_forward.w2.weight", canonical + "down.weight");
            table.Whole(file + "attention_norm.weight", canonical + "norm1.weight");
            table.Whole(file + "ffn_norm.weight", canonical + "norm2.weight");
        }
        table.Whole("language_model.model.norm.weight", "decoder.norm.weight");
        table.Whole("language_model.output.weight", "decoder.head.weight");
    }
}
