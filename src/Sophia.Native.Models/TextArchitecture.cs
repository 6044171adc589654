namespace Sophia.Native.Models;

/// <summary>The decoder families that InternVL 2.5 and 3 are built on. They share every operation and differ in biases and in how files store them.</summary>
public enum TextArchitecture
{
    /// <summary>Qwen2.5: biases on the query, key and value projections (<c>model_type</c> <c>qwen2</c> in both layouts).</summary>
    Qwen2,

    /// <summary>InternLM2.5: no biases (<c>model_type</c> <c>internlm2</c> with packed rows in the original layout, <c>llama</c> in the Hugging Face layout).</summary>
    InternLM2,
}
