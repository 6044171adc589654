namespace Sophia.Native.Models.Files;

/// <summary>The two published ways to name and pack the same model in files.</summary>
public enum CheckpointLayout
{
    /// <summary>InternVLChatModel: <c>vision_model.*</c>, <c>mlp1.*</c>, packed <c>qkv</c>, and for InternLM2 packed <c>wqkv</c>.</summary>
    Original,

    /// <summary>InternVLForConditionalGeneration of transformers: <c>vision_tower.*</c>, <c>multi_modal_projector.*</c>, separate projections.</summary>
    HuggingFace,
}
