using System.Globalization;

namespace Sophia.Native.Models.Files;

/// <summary>The tensors of transformers' InternVLForConditionalGeneration, in the spelling that it writes, and the spellings that it reads.</summary>
internal static class HuggingFaceTensors
{
    private const string Model = "model.";
    private const string TextPrefix = "language_model.model.";
    private const string HeadName = "language_model.lm_head.weight";

    public static void Declare(FileTensorTable table)
    {
        var vision = table.Config.Vision;
        table.WithShape("vision_tower.embeddings.cls_token", "vision.class_token", 1, 1, vision.HiddenSize);
        table.WithShape("vision_tower.embeddings.position_embeddings", "vision.positions", 1, 1 + vision.PatchCount, vision.HiddenSize);
        table.WithShape("vision_tower.embeddings.patch_embeddings.projection.weight", "vision.patch.weight", vision.HiddenSize, 3, vision.PatchSize, vision.PatchSize);
        table.Whole("vision_tower.embeddings.patch_embeddings.projection.bias", "vision.patch.bias");
        for (var layer = 0; layer < vision.LayerCount; layer++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"vision_tower.encoder.layer.{layer}.");
            var canonical = string.Create(CultureInfo.InvariantCulture, $"vision.layers.{layer}.");
            table.Whole(file + "lambda_1", canonical + "scale1");
            table.Whole(file + "lambda_2", canonical + "scale2");
            table.Split(canonical + "qkv",
                (file + "attention.q_proj", vision.HiddenSize), (file + "attention.k_proj", vision.HiddenSize), (file + "attention.v_proj", vision.HiddenSize));
            if (vision.HasQueryKeyNorm)
            {
                table.Whole(file + "attention.q_norm.weight", canonical + "query_norm.weight");
                table.Whole(file + "attention.k_norm.weight", canonical + "key_norm.weight");
            }
            table.WeightAndBias(file + "attention.projection_layer", canonical + "projection");
            table.WeightAndBias(file + "mlp.fc1", canonical + "fc1");
            table.WeightAndBias(file + "mlp.fc2", canonical + "fc2");
            table.WeightAndBias(file + "layernorm_before", canonical + "norm1");
            table.WeightAndBias(file + "layernorm_after", canonical + "norm2");
        }
        table.WeightAndBias("multi_modal_projector.layer_norm", "projector.norm");
        table.WeightAndBias("multi_modal_projector.linear_1", "projector.fc1");
        table.WeightAndBias("multi_modal_projector.linear_2", "projector.fc2");
        DeclareDecoder(table);
    }

    /// <summary>Qwen2 and Llama; the original layout keeps Qwen2 under the same names.</summary>
    public static void DeclareDecoder(FileTensorTable table)
    {
        var text = table.Config.Text;
        table.Whole(TextPrefix + "embed_tokens.weight", "decoder.embedding");
        for (var layer = 0; layer < text.LayerCount; layer++)
        {
            var file = string.Create(CultureInfo.InvariantCulture, $"{TextPrefix}layers.{layer}.");
            var canonical = string.Create(CultureInfo.InvariantCulture, $"decoder.layers.{layer}.");
            table.Split(canonical + "qkv",
                (file + "self_attn.q_proj", text.HeadCount * text.HeadSize),
                (file + "self_attn.k_proj", text.KeyValueHeadCount * text.HeadSize),
                (file + "self_attn.v_proj", text.KeyValueHeadCount * text.HeadSize));
            table.Whole(file + "self_attn.o_proj.weight", canonical + "output.weight");
            table.Split(canonical + "gate_up", (file + "mlp.gate_proj", text.FeedForwardSize), (file + "mlp.up_proj", text.FeedForwardSize));
            table.Whole(file + "mlp.down_proj.weight", canonical + "down.weight");
            table.Whole(file + "input_layernorm.weight", canonical + "norm1.weight");
            table.Whole(file + "post_attention_layernorm.weight", canonical + "norm2.weight");
        }
        table.Whole(TextPrefix + "norm.weight", "decoder.norm.weight");
        table.Whole(HeadName, "decoder.head.weight");
    }

    /// <summary>The name that transformers has for a module in memory, by which adapters know it.</summary>
    public static string MemoryName(string name) =>
        name.StartsWith(TextPrefix, StringComparison.Ordinal) ? string.Concat("model.language_model.", name.AsSpan(TextPrefix.Length)) : Model + name;

    /// <summary>
    /// The names under which a tensor may stand in a file: as written on disk (<c>vision_tower.*</c>, <c>language_model.model.*</c>, <c>language_model.lm_head</c>),
    /// as named in memory (<c>model.vision_tower.*</c>, <c>model.language_model.*</c>, <c>lm_head</c>), and mixtures of the two.
    /// </summary>
    public static IEnumerable<string> SpellingsOf(string name)
    {
        yield return name;
        yield return Model + name;
        if (name == HeadName)
        {
            yield return "lm_head.weight";
            yield return "model.lm_head.weight";
        }
        else if (name.StartsWith(TextPrefix, StringComparison.Ordinal))
        {
            yield return string.Concat("model.language_model.", name.AsSpan(TextPrefix.Length));
            yield return string.Concat("language_model.", name.AsSpan(TextPrefix.Length));
        }
    }
}
