using Sophia.Native.Cuda.Compilation;

namespace Sophia.Native.Cuda.CompileGate;

/// <summary>What is expected of the kernels: the most registers of a thread, and instructions that must be there.</summary>
internal static class Expectations
{
    private static readonly Instruction Product = new("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "HMMA.16816.F32.BF16");
    private static readonly Instruction MatrixLoad = new("ldmatrix.sync.aligned", "LDSM.16.M");
    private static readonly Instruction AsynchronousCopy = new("cp.async.cg.shared.global", "LDGSTS.E.BYPASS.");

    /// <summary>The most registers a thread may use, for all architectures and specializations: what the compiler gave when the bound was stated, rounded up to the next eight, which is how the hardware hands them out.</summary>
    private static readonly Dictionary<string, int> Registers = new()
    {
        ["adamw_bfloat16_moments"] = 56,
        ["adamw_float_moments"] = 56,
        ["add_partial_sums"] = 32,
        ["attention_backward_key_value"] = 248,
        ["attention_backward_query"] = 208,
        ["attention_delta"] = 32,
        ["attention_forward"] = 240,
        ["attention_forward_split"] = 160,
        ["attention_forward_wide"] = 256,
        ["attention_merge"] = 64,
        ["cache_append"] = 32,
        ["copy_halves"] = 16,
        ["copy_to_bfloat16"] = 24,
        ["copy_to_float"] = 24,
        ["copy_vectors"] = 16,
        ["copy_words"] = 16,
        ["embedding_backward_visual"] = 32,
        ["embedding_forward"] = 40,
        ["embedding_merge"] = 16,
        ["embedding_sort"] = 56,
        ["embedding_sum"] = 80,
        ["fill_vectors"] = 16,
        ["fill_words"] = 16,
        ["gelu_backward"] = 96,
        ["gelu_forward"] = 72,
        ["gradient_norm_blocks"] = 40,
        ["gradient_norm_finish"] = 24,
        ["head_clear"] = 24,
        ["head_gather"] = 32,
        ["head_objective"] = 48,
        ["head_rows"] = 32,
        ["head_scatter"] = 32,
        ["head_statistics"] = 40,
        ["layernorm_backward"] = 152,
        ["layernorm_forward"] = 88,
        ["linear_backward_input"] = 248,
        ["linear_backward_weight"] = 256,
        ["linear_bias_sum"] = 64,
        ["linear_forward"] = 240,
        ["linear_forward_float"] = 240,
        ["objective_statistics"] = 32,
        ["patch_extract"] = 32,
        ["pixel_shuffle_backward"] = 40,
        ["pixel_shuffle_forward"] = 32,
        ["position_interpolation_backward"] = 56,
        ["position_interpolation_forward"] = 32,
        ["residual_backward"] = 120,
        ["residual_forward"] = 104,
        ["rewards_propagate"] = 32,
        ["rewards_select"] = 32,
        ["rmsnorm_backward"] = 152,
        ["rmsnorm_forward"] = 64,
        ["rope"] = 120,
        ["sampling_finish"] = 48,
        ["sampling_scale"] = 40,
        ["sampling_scores"] = 48,
        ["sampling_truncated"] = 64,
        ["sequence_log_ratios"] = 32,
        ["swiglu_backward"] = 112,
        ["swiglu_forward"] = 96,
        ["vision_tokens_backward"] = 128,
        ["vision_tokens_forward"] = 32,
    };

    /// <summary>All kernels with a stated bound.</summary>
    public static IEnumerable<string> BoundedKernels => Registers.Keys;

    /// <summary>The stated bound, or null.</summary>
    public static int? RegistersOf(string kernel) => Registers.TryGetValue(kernel, out var bound) ? bound : null;

    /// <summary>Which instructions a kernel must have: matrix products on bfloat16 run on the tensor cores and are fed by asynchronous copies.</summary>
    public static IReadOnlyList<Instruction> InstructionsOf(KernelSpecialization specialization, string kernel) => (specialization.StorageBits, specialization.File.Name) switch
    {
        // ALIGNED 0 copies element by element.
        (16, "linear") => specialization.Constant3 == 0 ? [Product, MatrixLoad] : [Product, MatrixLoad, AsynchronousCopy],
        // Head sizes other than 64 and 128 go through the simple kernels; those around the large ones move and add.
        (16, "attention") when specialization.Constant0 is 64 or 128 && kernel is not ("attention_merge" or "attention_delta") => [Product, MatrixLoad, AsynchronousCopy],
        _ => [],
    };

    /// <summary>An instruction as PTX and as machine code spell it.</summary>
    internal sealed record Instruction(string Ptx, string Sass);
}
