// Tokens a second of report writing at the published decoder's size with random weights: 8 ECGs, beam 3, 48 tokens, 105
// memory tokens, with the cache and by the plain loop that reads the whole text anew for every token. Counted are
// tokens of the texts that come out, not those of every beam.

#include <benchmark/benchmark.h>

#include "deri/base/memory.hpp"
#include "deri/experiment/speed_writing.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/nn/gpt2_session.hpp"
#include "deri/nn/packed_linear.hpp"
#include "deri/nn/rereading_decoder.hpp"

namespace {

void write(benchmark::State& state, deri::LanguageDecoder& network) {
  constexpr deri::WritingSize kSize;
  for (auto _ : state) benchmark::DoNotOptimize(deri::write_random_reports(network, kSize));
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(state.iterations() * kSize.ecgs * kSize.tokens),
                                                  benchmark::Counter::kIsRate);
}

void session(benchmark::State& state, torch::ScalarType type) {
  if (!deri::PackedLinear::available(type)) {
    state.SkipWithError("not on this machine");
    return;
  }
  deri::Gpt2Session session(*deri::random_distil_gpt2(), type);
  write(state, session);
}

void cached(benchmark::State& state) {
  write(state, *deri::random_distil_gpt2());
}

void plain_loop(benchmark::State& state) {
  deri::RereadingDecoder network(deri::random_distil_gpt2());
  write(state, network);
}

BENCHMARK_CAPTURE(session, float32, torch::kFloat32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(session, bfloat16, torch::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(cached)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(plain_loop)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  // As the program does.
  deri::set_freed_memory(deri::FreedMemory::kKept);
  deri::set_computation_threads(0);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
