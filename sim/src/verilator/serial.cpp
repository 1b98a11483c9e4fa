// Drives a board through its serial pins, for a program at the other ends of standard input and output.
// Included after it is generated: model.h with the pins of this board.
//
// A request: bytes to send (32-bit count, bytes), bytes wanted (32 bits), and the clocks (64 bits) that the line may be silent.
// Its answer: the bytes that came (32-bit count, bytes), no more than wanted.  Numbers are in the machine's order.
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>
#include <unistd.h>
#include "verilated.h"
#include "model.h"

static FILE *requests, *answers;

template <class T> static bool read(T& value) { return fread(&value, sizeof value, 1, requests) == 1; }

// Longer than the reset after power-up.
static const unsigned POWER_UP = 1024;

struct Line {
    std::unique_ptr<Vmodel> model{new Vmodel};
    std::deque<uint8_t> to_send, received;
    // Bits of the byte on its way to the board, the next one lowest, and clocks until the next.
    unsigned sending = 0, send_bits = 0, send_clocks = 0;
    // Of the byte on its way from the board.
    unsigned receiving = 0, receive_bits = 0, receive_clocks = 0;
    uint64_t silent = 0;

    bool busy() const { return send_bits || !to_send.empty(); }

    void tick() {
        if (send_bits && --send_clocks == 0) {
            sending >>= 1;
            send_bits--;
            send_clocks = DIVIDER;
        }
        if (!send_bits && !to_send.empty()) {
            sending = to_send.front() << 1 | 0x200;
            to_send.pop_front();
            send_bits = 10;
            send_clocks = DIVIDER;
        }
        set_rx(*model, send_bits ? sending & 1 : 1);
        set_clock(*model, 0);
        model->eval();
        set_clock(*model, 1);
        model->eval();
        silent = busy() || receive_bits ? 0 : silent + 1;
        const bool tx = get_tx(*model);
        if (!receive_bits) {
            if (tx) return;
            receive_bits = 10;
            receive_clocks = DIVIDER / 2 + 1;
        }
        if (--receive_clocks) return;
        receive_clocks = DIVIDER;
        receiving = receiving >> 1 | tx << 9;
        // A byte with a wrong stop bit is dropped.
        if (--receive_bits == 0 && tx) received.push_back(receiving >> 1 & 0xff);
    }
};

int main(int argc, char** argv) {
    requests = stdin;
    // What the Verilog itself prints must not mix with the answers.
    answers = fdopen(dup(1), "wb");
    dup2(2, 1);
    Verilated::commandArgs(argc, argv);
    Line line;
    set_rest(*line.model);
    for (unsigned i = 0; i < POWER_UP; i++) line.tick();
    for (uint32_t count; read(count);) {
        std::vector<uint8_t> bytes(count);
        uint32_t wanted;
        uint64_t patience;
        if (fread(bytes.data(), 1, count, requests) != count || !read(wanted) || !read(patience)) return 1;
        line.to_send.insert(line.to_send.end(), bytes.begin(), bytes.end());
        line.silent = 0;
        while ((line.busy() || line.received.size() < wanted) && line.silent < patience) line.tick();
        const uint32_t came = line.received.size() < wanted ? line.received.size() : wanted;
        fwrite(&came, sizeof came, 1, answers);
        for (uint32_t i = 0; i < came; i++) {
            fputc(line.received.front(), answers);
            line.received.pop_front();
        }
        if (fflush(answers)) return 1;
    }
    line.model->final();
    return 0;
}
