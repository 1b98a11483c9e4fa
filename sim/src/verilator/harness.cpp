// Drives a Verilator model by the test bench protocol and reports hashes of its streams.
// Included after it is generated: model.h with the streams of this design.
// Everything written and read is a sequence of 64-bit words in the machine's order.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>
#include <unistd.h>
#include "verilated.h"

static inline uint64_t ones(unsigned width) { return width >= 64 ? ~0ull : (1ull << width) - 1; }

template <class T> static inline uint64_t get(const T& v, unsigned lsb, unsigned width) {
    return (uint64_t(v) >> lsb) & ones(width);
}
template <std::size_t N> static inline uint64_t get(const VlWide<N>& v, unsigned lsb, unsigned width) {
    const unsigned w = lsb / 32, s = lsb % 32;
    uint64_t x = v.at(w);
    if (w + 1 < N) x |= uint64_t(v.at(w + 1)) << 32;
    x >>= s;
    if (s && w + 2 < N) x |= uint64_t(v.at(w + 2)) << (64 - s);
    return x & ones(width);
}
template <class T> static inline void put(T& v, unsigned lsb, unsigned width, uint64_t x) {
    v = T((uint64_t(v) & ~(ones(width) << lsb)) | ((x & ones(width)) << lsb));
}
// At most 32 bits.
template <std::size_t N> static inline void put(VlWide<N>& v, unsigned lsb, unsigned width, uint64_t x) {
    const unsigned w = lsb / 32, s = lsb % 32;
    const uint64_t mask = ones(width) << s, bits = (x & ones(width)) << s;
    v.at(w) = EData((v.at(w) & ~mask) | bits);
    if (s + width > 32) v.at(w + 1) = EData((v.at(w + 1) & ~(mask >> 32)) | (bits >> 32));
}
// `width` bits, at most 64, into a packed vector from bit `at` on.
static inline void join(uint64_t* words, unsigned at, unsigned width, uint64_t x) {
    words[at / 64] |= x << (at % 64);
    if (at % 64 + width > 64) words[at / 64 + 1] |= x >> (64 - at % 64);
}
static inline uint64_t part(const uint64_t* words, unsigned at, unsigned width) {
    uint64_t x = words[at / 64] >> (at % 64);
    if (at % 64 + width > 64) x |= words[at / 64 + 1] << (64 - at % 64);
    return x & ones(width);
}

#include "model.h"

struct Stall {
    uint64_t state, level;
    bool draw() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (state >> 56) < level;
    }
};

// Records leave through the original standard output; what the Verilog itself prints goes to standard error.
static FILE *stimulus, *records;
static void next(uint64_t* words, unsigned count) {
    if (fread_unlocked(words, sizeof *words, count, stimulus) != count) {
        fprintf(stderr, "the stimulus ends too early\n");
        exit(3);
    }
}
static uint64_t next() {
    uint64_t word;
    next(&word, 1);
    return word;
}
static void tell(uint64_t word) {
    if (fwrite(&word, sizeof word, 1, records) != 1) exit(4);
}
static inline uint64_t step(uint64_t hash, uint64_t word) {
    return (((hash << 5) | (hash >> 59)) ^ word) * 0x9e3779b97f4a7c15ull;
}

// The side of a segment that offers beats, each read as its turn comes.
struct Sender {
    const uint64_t samples, fault;
    std::vector<uint64_t> words = std::vector<uint64_t>((IN_BITS + 63) / 64), nothing = words;
    uint64_t sample = 0;
    unsigned beat = 0;
    bool valid = false, offered = false, loaded = false;
    void offer(Model& m, bool hold) {
        valid = sample < samples && (offered || !hold);
        if (valid && !loaded) {
            next(words.data(), words.size());
            loaded = true;
        }
        const bool ends = (beat + 1 == IN_BEATS) != is_faulty();
        drive(m, valid ? words.data() : nothing.data(), valid, valid && ends);
    }
    // Looks at a settled cycle; whether the beat moves.
    bool observe(const Model& m) {
        offered = valid && !STREAM[0].ready(m);
        if (!valid || offered) return false;
        const bool over = beat + 1 == IN_BEATS || is_faulty();
        loaded = false;
        ++beat;
        if (over) {
            skip(IN_BEATS - beat);
            beat = 0;
            ++sample;
        }
        return true;
    }
    // What the model did not take still stands in the file.
    void end() { skip((samples - sample) * IN_BEATS - beat - (loaded ? 1 : 0)); }
private:
    bool is_faulty() const { return sample * IN_BEATS + beat == fault; }
    void skip(uint64_t beats) {
        for (uint64_t i = 0; i < beats * words.size(); ++i) next();
    }
};

enum : uint64_t { BLOCK = 1, BEAT = 2, CYCLE = 3, END = 4, TIME = 5 };

// Some cycles of a segment that nobody looks at, so that the reset comes in mid-stream; its samples are read again.
static void disturb(Model& m, Stall in, Stall out, Sender sender, uint64_t cycles) {
    const long start = ftell(stimulus);
    for (uint64_t cycle = 0; cycle < cycles; ++cycle) {
        const bool hold_in = in.draw(), hold_out = out.draw();
        set_clock(m, 0);
        sender.offer(m, hold_in);
        set_ready(m, !hold_out);
        m.eval();
        sender.observe(m);
        set_clock(m, 1);
        m.eval();
    }
    if (start < 0 || fseek(stimulus, start, SEEK_SET) != 0) {
        perror("stimulus");
        exit(3);
    }
}

static void segment(Model& m, uint64_t patience, uint64_t from, uint64_t to) {
    Stall in{next(), next()}, out{next(), next()};
    const uint64_t samples = next(), cycles = next(), report = next(), before = next();
    Sender sender{samples, next()};
    const unsigned last = STREAMS - 1;
    std::vector<uint64_t> words(MOST_WORDS);
    std::vector<unsigned> beats(STREAMS);
    disturb(m, in, out, sender, before);
    drive(m, sender.nothing.data(), false, false);
    set_ready(m, false);
    set_reset(m, true);
    // In mid-stream one cycle must be enough.
    for (unsigned i = 0; i < (before ? 1 : RESET_CYCLES); ++i) {
        set_clock(m, 0);
        m.eval();
        set_clock(m, 1);
        m.eval();
    }
    set_reset(m, false);
    uint64_t hash = 0, results = 0, moved = 0, cycle = 0;
    bool stuck = false;
    while (cycle < cycles || (patience && results < samples)) {
        const bool hold_in = in.draw(), hold_out = out.draw();
        set_clock(m, 0);
        sender.offer(m, hold_in);
        set_ready(m, !hold_out);
        m.eval();
        if (sender.observe(m)) moved = cycle;
        const bool dump = cycle >= from && cycle < to;
        if (dump) {
            tell(CYCLE);
            tell(cycle);
        }
        for (unsigned base = 0; base < STREAMS; base += 32) {
            uint64_t word = 0;
            for (unsigned i = base; i < STREAMS && i < base + 32; ++i)
                word |= (STREAM[i].valid(m) | STREAM[i].ready(m) << 1) << (2 * (i - base));
            hash = step(hash, word);
            if (dump) tell(word);
        }
        // Verilator knows no unknown values.
        for (unsigned base = 0; dump && base < STREAMS; base += 32) tell(0);
        for (unsigned i = 0; i < STREAMS; ++i) {
            const Stream& s = STREAM[i];
            const bool valid = s.valid(m), moves = valid && s.ready(m);
            const unsigned count = (s.bits + 63) / 64;
            if (valid || dump) {
                for (unsigned w = 0; w < count; ++w) words[w] = 0;
                s.pack(m, words.data());
            }
            if (dump)
                for (unsigned w = 0; w < count; ++w) tell(words[w]);
            if (valid) {
                const unsigned bits = beats[i] + 1 < s.beats ? s.bits : s.last_bits;
                for (unsigned at = 0; at < bits; at += 64)
                    hash = step(hash, words[at / 64] & ones(bits - at));
            }
            if (moves) beats[i] = beats[i] + 1 == s.beats ? 0 : beats[i] + 1;
            if (moves && i == last) {
                if (!patience && report) {
                    tell(BEAT);
                    tell(cycle);
                    for (unsigned w = 0; w < count; ++w) tell(words[w]);
                }
                if (beats[i] == 0) ++results;
                moved = cycle;
            }
        }
        set_clock(m, 1);
        m.eval();
        ++cycle;
        if (!patience && (cycle % 1024 == 0 || cycle == cycles)) {
            tell(BLOCK);
            tell(hash);
        }
        if (patience && cycle - moved > patience) {
            stuck = true;
            break;
        }
    }
    sender.end();
    tell(END);
    tell(results);
    tell(stuck);
    fflush(records);
}

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    records = fdopen(dup(1), "wb");
    if (!records || dup2(2, 1) < 0) {
        perror("standard output");
        return 2;
    }
    setvbuf(stdout, nullptr, _IONBF, 0);
    const std::unique_ptr<VerilatedContext> context{new VerilatedContext};
    context->commandArgs(argc, argv);
    Model m{context.get()};
    stimulus = fopen(argv[1], "rb");
    if (!stimulus) {
        perror(argv[1]);
        return 2;
    }
    const uint64_t patience = strtoull(argv[2], nullptr, 10);
    const uint64_t from = strtoull(argv[3], nullptr, 10), to = strtoull(argv[4], nullptr, 10);
    for (uint64_t left = next(); left > 0; --left) segment(m, patience, from, to);
    timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    tell(TIME);
    tell(uint64_t(spent.tv_sec) * 1000000000 + uint64_t(spent.tv_nsec));
    fflush(records);
    m.final();
    return 0;
}
