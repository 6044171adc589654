// cuBLASLt: D = alpha op(A) op(B) + beta C (+ bias), column-major, in one chain of float additions over k per element and one rounding at the end.
// The library's own order of additions is not known, so results agree with hardware within rounding, not bit by bit.
// Checked as the library does or hardware would: sizes and types that fit together, leading dimensions, the alignment the algorithm was chosen for, and that all matrices lie in live allocations.
#include "entry.h"

#include <algorithm>
#include <cstring>

namespace emulator
{
namespace
{
enum Status
{
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_ARCH_MISMATCH = 8,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
};

enum Type
{
    FLOAT32 = 0,
    BFLOAT16 = 14,
};

constexpr int COMPUTE_FLOAT32 = 68, COMPUTE_FLOAT32_PEDANTIC = 69, COMPUTE_FAST_BFLOAT16 = 75, COMPUTE_FAST_TENSORFLOAT32 = 77;
constexpr int EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4;

struct Product
{
    int compute_type = COMPUTE_FLOAT32, scale_type = FLOAT32, pointer_mode = 0, transpose_a = 0, transpose_b = 0, transpose_c = 0;
    int epilogue = EPILOGUE_DEFAULT, bias_type = -1;
    const void* bias = nullptr;
    int64_t bias_stride = 0;
};

struct Layout
{
    int type = 0, order = 0;
    uint64_t rows = 0, columns = 0;
    int64_t leading = 0, batch_stride = 0;
    int batches = 1;

    size_t element() const { return type == FLOAT32 ? 4 : 2; }
    /// Elements from the first to the last of one matrix.
    uint64_t extent() const
    {
        uint64_t lines = order == 0 ? columns : rows, length = order == 0 ? rows : columns;
        return lines == 0 || length == 0 ? 0 : (lines - 1) * static_cast<uint64_t>(leading) + length;
    }
};

struct Preference
{
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256};
};

/// What cublasLtMatmulAlgo_t holds here: eight words.
struct Algorithm
{
    uint64_t mark;
    uint32_t alignment[4];
    int32_t types[4];
    uint64_t unused[3];
};
static_assert(sizeof(Algorithm) == 64, "cublasLtMatmulAlgo_t");
constexpr uint64_t ALGORITHM_MARK = 0x534f5048494c54ull;

struct HeuristicResult
{
    Algorithm algorithm;
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};

/// Handles of all kinds that exist.
std::mutex handles_mutex;
std::set<const void*>& handles()
{
    static auto* set = new std::set<const void*>;
    return *set;
}

template <class T> T* make()
{
    T* made = new T;
    std::lock_guard<std::mutex> lock(handles_mutex);
    handles().insert(made);
    return made;
}

bool exists(const void* handle)
{
    std::lock_guard<std::mutex> lock(handles_mutex);
    return handles().count(handle) != 0;
}

template <class T> int destroy(T* handle)
{
    std::lock_guard<std::mutex> lock(handles_mutex);
    if (handles().erase(handle) == 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

int refuse(const char* call, int status, const std::string& why)
{
    report(std::string(call) + ": status " + std::to_string(status) + ": " + why);
    return status;
}

template <class T> bool assign(T& member, const void* value, size_t bytes)
{
    if (value == nullptr || bytes != sizeof(T))
        return false;
    std::memcpy(&member, value, bytes);
    return true;
}

float load_element(const void* base, int type, uint64_t index)
{
    if (type == FLOAT32)
        return static_cast<const float*>(base)[index];
    unsigned bits = static_cast<unsigned>(static_cast<const unsigned short*>(base)[index]) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

void store_element(void* base, int type, uint64_t index, float value)
{
    if (type == FLOAT32)
    {
        static_cast<float*>(base)[index] = value;
        return;
    }
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    static_cast<unsigned short*>(base)[index] = (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

uint64_t place(const Layout& layout, uint64_t row, uint64_t column)
{
    return layout.order == 0 ? column * static_cast<uint64_t>(layout.leading) + row : row * static_cast<uint64_t>(layout.leading) + column;
}

struct Call
{
    Product product;
    Layout a, b, c, d;
    const void *pa, *pb, *pc;
    void* pd;
    float alpha, beta;
    uint64_t m, n, k;
};

/// Rows of D in blocks that stay in registers, all of k in order.
void multiply_one(const Call& call, uint64_t batch)
{
    const unsigned char* a = static_cast<const unsigned char*>(call.pa) + batch * static_cast<uint64_t>(call.a.batch_stride) * call.a.element();
    const unsigned char* b = static_cast<const unsigned char*>(call.pb) + batch * static_cast<uint64_t>(call.b.batch_stride) * call.b.element();
    const unsigned char* c = static_cast<const unsigned char*>(call.pc) + batch * static_cast<uint64_t>(call.c.batch_stride) * call.c.element();
    unsigned char* d = static_cast<unsigned char*>(call.pd) + batch * static_cast<uint64_t>(call.d.batch_stride) * call.d.element();
    constexpr uint64_t ROWS = 64, COLUMNS = 4;
    std::vector<float> panel(ROWS * call.k), right(COLUMNS * call.k);
    int bias_type = call.product.bias_type >= 0 ? call.product.bias_type : call.d.type;
    for (uint64_t row = 0; row < call.m; row += ROWS)
    {
        uint64_t rows = std::min(ROWS, call.m - row);
        for (uint64_t p = 0; p < call.k; p++)
            for (uint64_t i = 0; i < ROWS; i++)
                panel[p * ROWS + i] = i >= rows ? 0 : load_element(a, call.a.type, call.product.transpose_a == 0 ? place(call.a, row + i, p) : place(call.a, p, row + i));
        for (uint64_t column = 0; column < call.n; column += COLUMNS)
        {
            uint64_t columns = std::min(COLUMNS, call.n - column);
            for (uint64_t p = 0; p < call.k; p++)
                for (uint64_t j = 0; j < COLUMNS; j++)
                    right[p * COLUMNS + j] = j >= columns ? 0 : load_element(b, call.b.type, call.product.transpose_b == 0 ? place(call.b, p, column + j) : place(call.b, column + j, p));
            float sum[COLUMNS][ROWS] = {};
            for (uint64_t p = 0; p < call.k; p++)
                for (uint64_t j = 0; j < COLUMNS; j++)
                    for (uint64_t i = 0; i < ROWS; i++)
                        sum[j][i] += panel[p * ROWS + i] * right[p * COLUMNS + j];
            for (uint64_t j = 0; j < columns; j++)
                for (uint64_t i = 0; i < rows; i++)
                {
                    float value = call.alpha * sum[j][i];
                    if (call.beta != 0)
                        value += call.beta * load_element(c, call.c.type, place(call.c, row + i, column + j));
                    if (call.product.epilogue == EPILOGUE_BIAS)
                        value += load_element(call.product.bias, bias_type, row + i);
                    store_element(d, call.d.type, place(call.d, row + i, column + j), value);
                }
        }
    }
}

/// The bytes a matrix of all batches touches.
size_t bytes_of(const Layout& layout)
{
    return (layout.extent() + static_cast<uint64_t>(layout.batches - 1) * static_cast<uint64_t>(layout.batch_stride)) * layout.element();
}

std::string sizes(const Call& call)
{
    return "product of " + std::to_string(call.m) + " x " + std::to_string(call.n) + " x " + std::to_string(call.k);
}

void run_product(Context& context, const Call& call)
{
    auto live = [&](const char* name, const void* pointer, size_t bytes) {
        uintptr_t at = reinterpret_cast<uintptr_t>(pointer);
        if (bytes == 0 || context.device->memory->find(at, bytes) != nullptr)
            return true;
        context.error = CUDA_ERROR_ILLEGAL_ADDRESS;
        report("cublasLtMatmul, " + sizes(call) + ": " + name + " needs " + std::to_string(bytes) + " bytes from " + context.device->memory->describe(at));
        return false;
    };
    int bias_type = call.product.bias_type >= 0 ? call.product.bias_type : call.d.type;
    if (!live("A", call.pa, bytes_of(call.a)) || !live("B", call.pb, bytes_of(call.b)) || (call.beta != 0 && !live("C", call.pc, bytes_of(call.c))) || !live("D", call.pd, bytes_of(call.d)) ||
        (call.product.epilogue == EPILOGUE_BIAS && !live("the bias", call.product.bias, call.m * (bias_type == FLOAT32 ? 4 : 2))))
        return;
    for (int batch = 0; batch < call.d.batches; batch++)
        multiply_one(call, static_cast<uint64_t>(batch));
}

/// "" if the description fits together.
std::string mismatch(const Product& product, const Layout& a, const Layout& b, const Layout& c, const Layout& d, uint64_t& m, uint64_t& n, uint64_t& k)
{
    m = product.transpose_a == 0 ? a.rows : a.columns;
    k = product.transpose_a == 0 ? a.columns : a.rows;
    n = product.transpose_b == 0 ? b.columns : b.rows;
    uint64_t inner = product.transpose_b == 0 ? b.rows : b.columns;
    if (inner != k || d.rows != m || d.columns != n || c.rows != m || c.columns != n)
        return "op(A) is " + std::to_string(m) + " x " + std::to_string(k) + ", op(B) " + std::to_string(inner) + " x " + std::to_string(n) + ", C " + std::to_string(c.rows) + " x " + std::to_string(c.columns) + ", D " +
               std::to_string(d.rows) + " x " + std::to_string(d.columns);
    if (product.transpose_c != 0)
        return "C cannot be transposed";
    for (const Layout* layout : {&a, &b, &c, &d})
    {
        if (layout->type != FLOAT32 && layout->type != BFLOAT16)
            return "only float and bfloat16 are supported";
        if (layout->leading < static_cast<int64_t>(layout->order == 0 ? layout->rows : layout->columns))
            return "a leading dimension is less than the length of a column";
        if (layout->batches != d.batches)
            return "the batch counts differ";
    }
    if (a.type != b.type || c.type != d.type || (a.type == FLOAT32 && d.type != FLOAT32))
        return "A and B must have one type, C and D one type, and float products give float";
    if (product.compute_type != COMPUTE_FLOAT32 && product.compute_type != COMPUTE_FLOAT32_PEDANTIC && product.compute_type != COMPUTE_FAST_BFLOAT16 && product.compute_type != COMPUTE_FAST_TENSORFLOAT32)
        return "the compute type must be a float one";
    if (product.scale_type != FLOAT32 || product.pointer_mode != 0)
        return "alpha and beta must be floats on the host";
    return "";
}

bool valid_epilogue(const Product& product) { return product.epilogue == EPILOGUE_DEFAULT || product.epilogue == EPILOGUE_BIAS; }
}
}

using namespace emulator;

ENTRY cublasLtCreate(void** handle)
{
    if (int fault = injected_fault("cublasLtCreate"))
        return fault;
    if (handle == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (current_context() == nullptr)
        return refuse("cublasLtCreate", CUBLAS_STATUS_NOT_INITIALIZED, "no context is current");
    *handle = make<int>();
    return CUBLAS_STATUS_SUCCESS;
}

ENTRY cublasLtDestroy(void* handle) { return destroy(static_cast<int*>(handle)); }
extern "C" __attribute__((visibility("default"))) size_t cublasLtGetVersion() { return 120400; }

extern "C" __attribute__((visibility("default"))) const char* cublasLtGetStatusName(int status)
{
    switch (status)
    {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS unknown";
    }
}

extern "C" __attribute__((visibility("default"))) const char* cublasLtGetStatusString(int status) { return cublasLtGetStatusName(status); }

ENTRY cublasLtMatmulDescCreate(void** result, int compute_type, int scale_type)
{
    if (int fault = injected_fault("cublasLtMatmulDescCreate"))
        return fault;
    if (result == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    Product* product = make<Product>();
    product->compute_type = compute_type;
    product->scale_type = scale_type;
    *result = product;
    return CUBLAS_STATUS_SUCCESS;
}

ENTRY cublasLtMatmulDescDestroy(void* handle) { return destroy(static_cast<Product*>(handle)); }

ENTRY cublasLtMatmulDescSetAttribute(void* handle, int attribute, const void* value, size_t bytes)
{
    if (!exists(handle))
        return CUBLAS_STATUS_INVALID_VALUE;
    Product& product = *static_cast<Product*>(handle);
    bool fits;
    switch (attribute)
    {
    case 0: fits = assign(product.compute_type, value, bytes); break;
    case 1: fits = assign(product.scale_type, value, bytes); break;
    case 2: fits = assign(product.pointer_mode, value, bytes); break;
    case 3: fits = assign(product.transpose_a, value, bytes); break;
    case 4: fits = assign(product.transpose_b, value, bytes); break;
    case 5: fits = assign(product.transpose_c, value, bytes); break;
    case 7: fits = assign(product.epilogue, value, bytes); break;
    case 8: fits = assign(product.bias, value, bytes); break;
    case 10: fits = assign(product.bias_stride, value, bytes); break;
    case 26: fits = assign(product.bias_type, value, bytes); break;
    default: return refuse("cublasLtMatmulDescSetAttribute", CUBLAS_STATUS_NOT_SUPPORTED, "attribute " + std::to_string(attribute));
    }
    return fits ? static_cast<int>(CUBLAS_STATUS_SUCCESS) : refuse("cublasLtMatmulDescSetAttribute", CUBLAS_STATUS_INVALID_VALUE, "attribute " + std::to_string(attribute) + " does not have " + std::to_string(bytes) + " bytes");
}

ENTRY cublasLtMatrixLayoutCreate(void** result, int type, uint64_t rows, uint64_t columns, int64_t leading)
{
    if (int fault = injected_fault("cublasLtMatrixLayoutCreate"))
        return fault;
    if (result == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    Layout* layout = make<Layout>();
    layout->type = type;
    layout->rows = rows;
    layout->columns = columns;
    layout->leading = leading;
    *result = layout;
    return CUBLAS_STATUS_SUCCESS;
}

ENTRY cublasLtMatrixLayoutDestroy(void* handle) { return destroy(static_cast<Layout*>(handle)); }

ENTRY cublasLtMatrixLayoutSetAttribute(void* handle, int attribute, const void* value, size_t bytes)
{
    if (!exists(handle))
        return CUBLAS_STATUS_INVALID_VALUE;
    Layout& layout = *static_cast<Layout*>(handle);
    bool fits;
    switch (attribute)
    {
    case 0: fits = assign(layout.type, value, bytes); break;
    case 1: fits = assign(layout.order, value, bytes) && layout.order <= 1; break;
    case 2: fits = assign(layout.rows, value, bytes); break;
    case 3: fits = assign(layout.columns, value, bytes); break;
    case 4: fits = assign(layout.leading, value, bytes); break;
    case 5: fits = assign(layout.batches, value, bytes) && layout.batches >= 1; break;
    case 6: fits = assign(layout.batch_stride, value, bytes); break;
    default: fits = false;
    }
    return fits ? static_cast<int>(CUBLAS_STATUS_SUCCESS) : refuse("cublasLtMatrixLayoutSetAttribute", CUBLAS_STATUS_INVALID_VALUE, "attribute " + std::to_string(attribute));
}

ENTRY cublasLtMatmulPreferenceCreate(void** result)
{
    if (result == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *result = make<Preference>();
    return CUBLAS_STATUS_SUCCESS;
}

ENTRY cublasLtMatmulPreferenceDestroy(void* handle) { return destroy(static_cast<Preference*>(handle)); }

ENTRY cublasLtMatmulPreferenceSetAttribute(void* handle, int attribute, const void* value, size_t bytes)
{
    if (!exists(handle))
        return CUBLAS_STATUS_INVALID_VALUE;
    Preference& preference = *static_cast<Preference*>(handle);
    bool fits;
    uint32_t ignored = 0;
    switch (attribute)
    {
    case 1: fits = assign(preference.workspace, value, bytes); break;
    case 5: case 6: case 7: case 8: fits = assign(preference.alignment[attribute - 5], value, bytes); break;
    case 0: case 3: case 9: fits = assign(ignored, value, bytes); break; // search mode, reduction schemes, waves
    case 12: fits = bytes == 8; break; // kinds of implementation
    default: fits = false;
    }
    return fits ? static_cast<int>(CUBLAS_STATUS_SUCCESS) : refuse("cublasLtMatmulPreferenceSetAttribute", CUBLAS_STATUS_INVALID_VALUE, "attribute " + std::to_string(attribute));
}

ENTRY cublasLtMatmulAlgoGetHeuristic(void* handle, void* product, void* a, void* b, void* c, void* d, void* preference, int requested, HeuristicResult* results, int* found)
{
    const char* name = "cublasLtMatmulAlgoGetHeuristic";
    if (int fault = injected_fault(name))
        return fault;
    for (void* needed : {handle, product, a, b, c, d, preference})
        if (!exists(needed))
            return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "a handle does not exist");
    if (requested < 1 || results == nullptr || found == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *found = 0;
    uint64_t m, n, k;
    const Product& description = *static_cast<Product*>(product);
    const Layout* layouts[] = {static_cast<Layout*>(a), static_cast<Layout*>(b), static_cast<Layout*>(c), static_cast<Layout*>(d)};
    std::string why = mismatch(description, *layouts[0], *layouts[1], *layouts[2], *layouts[3], m, n, k);
    if (!why.empty())
        return refuse(name, CUBLAS_STATUS_INVALID_VALUE, why);
    if (!valid_epilogue(description))
        return refuse(name, CUBLAS_STATUS_NOT_SUPPORTED, "the emulator knows the epilogues default and bias, not " + std::to_string(description.epilogue));
    HeuristicResult result = {};
    result.algorithm.mark = ALGORITHM_MARK;
    std::memcpy(result.algorithm.alignment, static_cast<Preference*>(preference)->alignment, sizeof result.algorithm.alignment);
    for (int i = 0; i < 4; i++)
        result.algorithm.types[i] = layouts[i]->type;
    result.waves = 1;
    results[0] = result;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

ENTRY cublasLtMatmul(void* handle, void* product, const void* alpha, const void* a, void* layout_a, const void* b, void* layout_b, const void* beta, const void* c, void* layout_c, void* d, void* layout_d,
                     const Algorithm* algorithm, void* workspace, size_t workspace_bytes, void* stream)
{
    const char* name = "cublasLtMatmul";
    (void)workspace;
    (void)workspace_bytes;
    if (int fault = injected_fault(name))
        return fault;
    for (void* needed : {handle, product, layout_a, layout_b, layout_c, layout_d})
        if (!exists(needed))
            return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "a handle does not exist");
    if (alpha == nullptr || beta == nullptr || a == nullptr || b == nullptr || d == nullptr)
        return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "a pointer is null");
    Call call;
    call.product = *static_cast<Product*>(product);
    call.a = *static_cast<Layout*>(layout_a);
    call.b = *static_cast<Layout*>(layout_b);
    call.c = *static_cast<Layout*>(layout_c);
    call.d = *static_cast<Layout*>(layout_d);
    call.pa = a;
    call.pb = b;
    call.pc = c;
    call.pd = d;
    std::memcpy(&call.alpha, alpha, 4);
    std::memcpy(&call.beta, beta, 4);
    std::string why = mismatch(call.product, call.a, call.b, call.c, call.d, call.m, call.n, call.k);
    if (!why.empty())
        return refuse(name, CUBLAS_STATUS_INVALID_VALUE, why);
    if (!valid_epilogue(call.product))
        return refuse(name, CUBLAS_STATUS_NOT_SUPPORTED, "epilogue " + std::to_string(call.product.epilogue));
    if (call.product.epilogue == EPILOGUE_BIAS && call.product.bias == nullptr)
        return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "the bias epilogue without a bias pointer");
    if (call.beta != 0 && c == nullptr)
        return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "C is null and beta is not 0");
    if (algorithm != nullptr)
    {
        const void* pointers[] = {a, b, call.beta != 0 ? c : d, d};
        const Layout* layouts[] = {&call.a, &call.b, &call.c, &call.d};
        if (algorithm->mark != ALGORITHM_MARK)
            return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "the algorithm was not made by cublasLtMatmulAlgoGetHeuristic");
        for (int i = 0; i < 4; i++)
        {
            if (algorithm->types[i] != layouts[i]->type)
                return refuse(name, CUBLAS_STATUS_INVALID_VALUE, "the algorithm was chosen for other element types");
            if (algorithm->alignment[i] != 0 && reinterpret_cast<uintptr_t>(pointers[i]) % algorithm->alignment[i] != 0)
                return refuse(name, CUBLAS_STATUS_INVALID_VALUE, std::string("the algorithm was chosen for ") + "ABCD"[i] + " at a multiple of " + std::to_string(algorithm->alignment[i]) + " bytes (CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT)");
        }
    }
    int error = with_context(name, [&](Context& context) {
        context.enqueue(stream_of(context, stream), [call, &context] { run_product(context, call); });
        return 0;
    });
    return error == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
