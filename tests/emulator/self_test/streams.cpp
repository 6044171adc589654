// Streams, events, graphs, and when data moves.
#include "driver.h"

namespace
{
/// A counter in device memory and the kernel that adds one if it has the wanted value.
struct Fixture
{
    int device;
    void *context = nullptr, *module = nullptr, *add = nullptr;
    Address value = 0;

    Fixture(int ordinal, const std::vector<char>& image) : device(ordinal)
    {
        must("cuDevicePrimaryCtxRetain", &context, device);
        must("cuCtxPushCurrent_v2", context);
        must("cuModuleLoadData", &module, static_cast<const void*>(image.data()));
        must("cuModuleGetFunction", &add, module, "add_one");
        must("cuMemAlloc_v2", &value, size_t(4));
        must("cuMemsetD32_v2", value, 0u, size_t(1));
    }

    ~Fixture()
    {
        void* popped;
        call("cuCtxPopCurrent_v2", &popped);
        call("cuDevicePrimaryCtxRelease_v2", device);
    }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    int launch(void* stream, int wanted)
    {
        void* pointers[] = {&value, &wanted};
        int error = call("cuLaunchKernel", add, 1u, 1u, 1u, 1u, 1u, 1u, 0u, stream, static_cast<void**>(pointers), static_cast<void**>(nullptr));
        // The parameters were copied at the call.
        wanted = 12345;
        return error;
    }

    int read()
    {
        int result = -1;
        must("cuMemcpyDtoH_v2", static_cast<void*>(&result), value, size_t(4));
        return result;
    }
};
}

void stream_tests(int device, const std::vector<char>& image)
{
    std::string on = "device " + std::to_string(device) + ": ";
    bool late = device >= 2;
    {
        Fixture f(device, image);
        for (int i = 0; i < 5; i++)
            expect(f.launch(nullptr, i) == 0, on + "a launch");
        expect(f.read() == 5, on + "launches of one stream run in order");
    }
    {
        // Two streams ordered by an event, and without it.
        Fixture f(device, image);
        void *first = nullptr, *second = nullptr, *event = nullptr;
        must("cuStreamCreate", &first, 1u);
        must("cuStreamCreate", &second, 1u);
        must("cuEventCreate", &event, 2u);
        f.launch(first, 0);
        must("cuEventRecord", event, first);
        must("cuStreamWaitEvent", second, event, 0u);
        f.launch(second, 1);
        must("cuStreamSynchronize", second);
        expect(f.read() == 2, on + "an event orders two streams");
        expect(call("cuEventQuery", event) == 0, on + "the event is done");

        f.launch(first, 2);
        f.launch(second, 3);
        must("cuStreamSynchronize", second);
        must("cuStreamSynchronize", first);
        int result = f.read();
        expect(late ? result != 4 : result == 4, on + "without an event a late device runs the awaited stream first");
        must("cuStreamDestroy_v2", first);
        must("cuStreamDestroy_v2", second);
        must("cuEventDestroy_v2", event);
    }
    {
        // The legacy default stream is ordered with blocking streams.
        Fixture f(device, image);
        void* stream = nullptr;
        must("cuStreamCreate", &stream, 0u);
        f.launch(stream, 0);
        f.launch(nullptr, 1);
        f.launch(stream, 2);
        must("cuStreamSynchronize", stream);
        expect(f.read() == 3, on + "blocking streams and the default stream take turns");
    }
    {
        // A copy from pageable memory is staged at the call, one from pinned memory reads when it runs.
        Fixture f(device, image);
        void* stream = nullptr;
        must("cuStreamCreate", &stream, 1u);
        int pageable = 41;
        must("cuMemcpyHtoDAsync_v2", f.value, static_cast<const void*>(&pageable), size_t(4), stream);
        pageable = 7;
        must("cuStreamSynchronize", stream);
        expect(f.read() == 41, on + "pageable memory is staged");
        void* pinned = nullptr;
        must("cuMemHostAlloc", &pinned, size_t(4), 0u);
        *static_cast<int*>(pinned) = 41;
        must("cuMemcpyHtoDAsync_v2", f.value, static_cast<const void*>(pinned), size_t(4), stream);
        *static_cast<int*>(pinned) = 7;
        must("cuStreamSynchronize", stream);
        expect(f.read() == (late ? 7 : 41), on + "pinned memory is read when the copy runs");
        *static_cast<int*>(pinned) = -1;
        must("cuMemcpyDtoHAsync_v2", pinned, f.value, size_t(4), stream);
        expect((*static_cast<int*>(pinned) == -1) == late, on + "a copy to pinned memory comes with synchronization on a late device");
        must("cuStreamSynchronize", stream);
        expect(*static_cast<int*>(pinned) == (late ? 7 : 41), on + "then it is there");
        must("cuMemFreeHost", pinned);
    }
    {
        // Asking until all is done makes progress.
        Fixture f(device, image);
        void *stream = nullptr, *event = nullptr;
        must("cuStreamCreate", &stream, 1u);
        must("cuEventCreate", &event, 0u);
        for (int i = 0; i < 3; i++)
            f.launch(stream, i);
        must("cuEventRecord", event, stream);
        int questions = 0;
        while (call("cuEventQuery", event) == 600 && questions < 100)
            questions++;
        expect(questions < 100 && (questions > 0) == late && f.read() == 3, on + "cuEventQuery");
        while (call("cuStreamQuery", stream) == 600)
        {
        }
        void* later = nullptr;
        must("cuEventCreate", &later, 0u);
        f.launch(stream, 3);
        must("cuEventRecord", later, stream);
        must("cuEventSynchronize", later);
        float milliseconds = -1;
        expect(call("cuEventElapsedTime", &milliseconds, event, later) == 0 && milliseconds >= 0, on + "cuEventElapsedTime");
    }
    {
        // A captured graph runs as often as it is launched, with the values in device memory of each time.
        Fixture f(device, image);
        void *stream = nullptr, *other = nullptr, *fork = nullptr, *join = nullptr, *graph = nullptr, *executable = nullptr;
        must("cuStreamCreate", &stream, 1u);
        must("cuStreamCreate", &other, 1u);
        must("cuEventCreate", &fork, 2u);
        must("cuEventCreate", &join, 2u);
        must("cuStreamBeginCapture_v2", stream, 2);
        f.launch(stream, 0);
        must("cuEventRecord", fork, stream);
        must("cuStreamWaitEvent", other, fork, 0u);
        f.launch(other, 1);
        must("cuEventRecord", join, other);
        must("cuStreamWaitEvent", stream, join, 0u);
        f.launch(stream, 2);
        int status = 0;
        must("cuStreamIsCapturing", stream, &status);
        expect(status == 1, on + "the stream is capturing");
        must("cuStreamEndCapture", stream, &graph);
        must("cuGraphInstantiateWithFlags", &executable, graph, 0ull);
        must("cuGraphDestroy", graph);
        must("cuStreamSynchronize", stream);
        expect(f.read() == 0, on + "capturing runs nothing");
        for (int i = 0; i < 3; i++)
        {
            must("cuMemsetD32Async", f.value, 0u, size_t(1), stream);
            must("cuGraphLaunch", executable, stream);
            must("cuStreamSynchronize", stream);
            expect(f.read() == 3, on + "a graph of two streams");
        }
        must("cuGraphExecDestroy", executable);

        must("cuStreamBeginCapture_v2", stream, 0);
        configure("print", "0");
        expect(call("cuStreamSynchronize", stream) == 900, on + "a capturing stream cannot be waited for");
        expect(f.launch(stream, 0) == 901, on + "and the capture is invalid then");
        expect(call("cuStreamEndCapture", stream, &graph) == 901 && graph == nullptr, on + "its end says so");
        must("cuStreamBeginCapture_v2", stream, 0);
        Address never = 0;
        expect(call("cuMemAlloc_v2", &never, size_t(16)) == 900, on + "memory cannot be allocated while capturing");
        call("cuStreamEndCapture", stream, &graph);
        configure("print", "1");
        expect(f.launch(stream, 0) == 0 && call("cuStreamSynchronize", stream) == 0, on + "the stream works again");
    }
    {
        // Fills and copies with a pitch.
        Fixture f(device, image);
        Address plane = 0;
        must("cuMemAlloc_v2", &plane, size_t(8 * 16));
        must("cuMemsetD8_v2", plane, static_cast<unsigned char>(0), size_t(8 * 16));
        must("cuMemsetD2D32_v2", plane + 4, size_t(16), 0x11111111u, size_t(2), size_t(8));
        struct
        {
            size_t source_x, source_y;
            int source_kind;
            const void* source_host;
            Address source_device;
            void* source_array;
            size_t source_pitch, target_x, target_y;
            int target_kind;
            void* target_host;
            Address target_device;
            void* target_array;
            size_t target_pitch, width, height;
        } copy = {};
        unsigned back[8][2] = {};
        copy.source_kind = 2;
        copy.source_device = plane;
        copy.source_pitch = 16;
        copy.source_x = 4;
        copy.target_kind = 1;
        copy.target_host = back;
        copy.target_pitch = 8;
        copy.width = 8;
        copy.height = 8;
        must("cuMemcpy2D_v2", static_cast<const void*>(&copy));
        bool same = true;
        for (auto& row : back)
            same &= row[0] == 0x11111111u && row[1] == 0x11111111u;
        unsigned all[32];
        must("cuMemcpyDtoH_v2", static_cast<void*>(all), plane, sizeof all);
        for (int i = 0; i < 32; i++)
            same &= all[i] == (i % 4 == 1 || i % 4 == 2 ? 0x11111111u : 0u);
        expect(same, on + "two-dimensional fill and copy");
    }
}
