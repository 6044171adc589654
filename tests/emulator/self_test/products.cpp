// cuBLASLt against products in double precision: transposes, leading dimensions, alpha, beta, bias, element types.
#include "driver.h"

#include <cmath>

namespace
{
constexpr int FLOAT32 = 0, BFLOAT16 = 14;

struct Matrix
{
    int type;
    uint64_t rows, columns;
    int64_t leading;
    std::vector<float> values;
    Address address = 0;
    void* layout = nullptr;

    Matrix(int element_type, uint64_t r, uint64_t c, int64_t extra, unsigned seed) : type(element_type), rows(r), columns(c), leading(static_cast<int64_t>(r) + extra), values(static_cast<size_t>(leading) * c)
    {
        unsigned state = seed * 2654435761u + 7;
        for (float& value : values)
        {
            state = state * 1664525u + 1013904223u;
            value = static_cast<float>(static_cast<int>(state >> 8) % 200 - 100) / 64.0f;
            if (type == BFLOAT16)
                value = bfloat16_value(bfloat16_bits(value));
        }
        std::vector<unsigned short> half;
        for (float value : values)
            half.push_back(bfloat16_bits(value));
        size_t bytes = values.size() * (type == FLOAT32 ? 4 : 2);
        must("cuMemAlloc_v2", &address, bytes);
        must("cuMemcpyHtoD_v2", address, type == FLOAT32 ? static_cast<const void*>(values.data()) : static_cast<const void*>(half.data()), bytes);
        must("cublasLtMatrixLayoutCreate", &layout, type, rows, columns, leading);
    }

    ~Matrix()
    {
        call("cublasLtMatrixLayoutDestroy", layout);
        call("cuMemFree_v2", address);
    }

    Matrix(const Matrix&) = delete;
    Matrix& operator=(const Matrix&) = delete;

    double at(uint64_t row, uint64_t column) const { return values[column * static_cast<uint64_t>(leading) + row]; }

    void download()
    {
        if (type == FLOAT32)
        {
            must("cuMemcpyDtoH_v2", static_cast<void*>(values.data()), address, values.size() * 4);
            return;
        }
        std::vector<unsigned short> half(values.size());
        must("cuMemcpyDtoH_v2", static_cast<void*>(half.data()), address, half.size() * 2);
        for (size_t i = 0; i < half.size(); i++)
            values[i] = bfloat16_value(half[i]);
    }
};
}

void product_tests(int device)
{
    void *context = nullptr, *handle = nullptr, *preference = nullptr;
    must("cuDevicePrimaryCtxRetain", &context, device);
    must("cuCtxPushCurrent_v2", context);
    must("cublasLtCreate", &handle);
    must("cublasLtMatmulPreferenceCreate", &preference);
    unsigned alignment = 2;
    for (int attribute = 5; attribute <= 8; attribute++)
        must("cublasLtMatmulPreferenceSetAttribute", preference, attribute, static_cast<const void*>(&alignment), sizeof alignment);
    int number = 0;
    for (int input : {FLOAT32, BFLOAT16})
        for (int output : {FLOAT32, BFLOAT16})
        {
            if (input == FLOAT32 && output == BFLOAT16)
                continue;
            for (int transposes = 0; transposes < 4; transposes++)
            {
                number++;
                int ta = transposes & 1, tb = transposes >> 1;
                uint64_t m = 67, n = 9, k = 41;
                Matrix a(input, ta ? k : m, ta ? m : k, number % 3, 1), b(input, tb ? n : k, tb ? k : n, number % 2, 2), d(output, m, n, 3, 3), bias(output, m, 1, 0, 4);
                Matrix before(output, m, n, 3, 3);
                float alpha = number % 2 ? 1.0f : 0.5f, beta = number % 3 ? 0.0f : 2.0f;
                bool has_bias = number % 2 == 0;
                void* product = nullptr;
                must("cublasLtMatmulDescCreate", &product, 68, FLOAT32);
                must("cublasLtMatmulDescSetAttribute", product, 3, static_cast<const void*>(&ta), sizeof ta);
                must("cublasLtMatmulDescSetAttribute", product, 4, static_cast<const void*>(&tb), sizeof tb);
                int epilogue = has_bias ? 4 : 1;
                must("cublasLtMatmulDescSetAttribute", product, 7, static_cast<const void*>(&epilogue), sizeof epilogue);
                if (has_bias)
                    must("cublasLtMatmulDescSetAttribute", product, 8, static_cast<const void*>(&bias.address), sizeof bias.address);
                struct
                {
                    uint64_t algorithm[8];
                    size_t workspace;
                    int status;
                    float waves;
                    int reserved[4];
                } result;
                int found = 0;
                must("cublasLtMatmulAlgoGetHeuristic", handle, product, a.layout, b.layout, d.layout, d.layout, preference, 1, static_cast<void*>(&result), &found);
                auto pointer = [](const Matrix& matrix) { return reinterpret_cast<void*>(matrix.address); };
                must("cublasLtMatmul", handle, product, static_cast<const void*>(&alpha), static_cast<const void*>(pointer(a)), a.layout, static_cast<const void*>(pointer(b)), b.layout, static_cast<const void*>(&beta),
                     static_cast<const void*>(pointer(d)), d.layout, pointer(d), d.layout, static_cast<const void*>(&result), static_cast<void*>(nullptr), size_t(0), static_cast<void*>(nullptr));
                d.download();
                bool same = true;
                for (uint64_t j = 0; j < n; j++)
                    for (uint64_t i = 0; i < static_cast<uint64_t>(d.leading); i++)
                    {
                        if (i >= m)
                        {
                            same &= d.at(i, j) == before.at(i, j);
                            continue;
                        }
                        double exact = 0;
                        for (uint64_t p = 0; p < k; p++)
                            exact += (ta ? a.at(p, i) : a.at(i, p)) * (tb ? b.at(j, p) : b.at(p, j));
                        exact = alpha * exact + beta * before.at(i, j) + (has_bias ? bias.at(i, 0) : 0);
                        same &= std::fabs(d.at(i, j) - exact) <= (output == BFLOAT16 ? 0.004 : 1e-5) * std::fabs(exact) + 1e-4;
                    }
                expect(same, "device " + std::to_string(device) + ": cublasLtMatmul number " + std::to_string(number));
                call("cublasLtMatmulDescDestroy", product);
            }
        }
    configure("print", "0");
    {
        // What the library refuses.
        Matrix a(FLOAT32, 8, 8, 0, 1), b(FLOAT32, 9, 8, 0, 2), d(FLOAT32, 8, 8, 0, 3);
        void* product = nullptr;
        must("cublasLtMatmulDescCreate", &product, 68, FLOAT32);
        float one = 1, zero = 0;
        auto multiply = [&](Matrix& left, Matrix& right, Matrix& target, Address offset) {
            return call("cublasLtMatmul", handle, product, static_cast<const void*>(&one), reinterpret_cast<const void*>(left.address + offset), left.layout, reinterpret_cast<const void*>(right.address), right.layout,
                        static_cast<const void*>(&zero), reinterpret_cast<const void*>(target.address), target.layout, reinterpret_cast<void*>(target.address), target.layout, static_cast<const void*>(nullptr), static_cast<void*>(nullptr), size_t(0),
                        static_cast<void*>(nullptr));
        };
        expect(multiply(a, b, d, 0) == 7, "matrices that do not fit");
        int gelu = 32;
        must("cublasLtMatmulDescSetAttribute", product, 7, static_cast<const void*>(&gelu), sizeof gelu);
        expect(multiply(a, a, d, 0) == 15, "the GELU epilogue is not supported");
        int none = 1;
        must("cublasLtMatmulDescSetAttribute", product, 7, static_cast<const void*>(&none), sizeof none);
        expect(call("cublasLtMatmulDescSetAttribute", product, 7, static_cast<const void*>(&none), size_t(8)) == 7, "an attribute of the wrong size");
        multiply(a, a, d, 128);
        expect(call("cuCtxSynchronize") == 700 && last_report().find("cublasLtMatmul") != std::string::npos, "a matrix that reaches behind its allocation: " + last_report());
        call("cublasLtMatmulDescDestroy", product);
    }
    configure("print", "1");
    call("cublasLtMatmulPreferenceDestroy", preference);
    call("cublasLtDestroy", handle);
    void* popped;
    call("cuCtxPopCurrent_v2", &popped);
    call("cuDevicePrimaryCtxRelease_v2", device);
}
