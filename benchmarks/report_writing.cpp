// Tokens a second of report writing at the published decoder's size (DistilGPT2: 6 layers of 768, 50,259 tokens) with
// random weights: 8 ECGs, beam 3, 48 tokens, 105 memory tokens, with the cache and by the plain loop that reads the
// whole text anew for every token. Counted are tokens of the texts that come out, not those of every beam.

#include <memory>

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include "deri/base/memory.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/nn/decoding.hpp"
#include "deri/nn/gpt2.hpp"
#include "deri/nn/gpt2_session.hpp"
#include "deri/nn/packed_linear.hpp"

namespace {

using torch::Tensor;

constexpr std::int64_t kEcgs = 8, kMemoryTokens = 105, kTokens = 48, kBegin = 50257, kEnd = 50256;

std::shared_ptr<deri::Gpt2> distil_gpt2(torch::ScalarType type) {
  torch::manual_seed(1);
  auto network = std::make_shared<deri::Gpt2>(
      deri::Gpt2Options{.vocabulary = 50259, .positions = 1024, .width = 768, .layers = 6, .heads = 12});
  network->to(type);
  return network;
}

// The same network, asked for every token with the whole text. The texts so far stand in the state where a relational
// memory would, and the memories where their keys would, so that select() moves them along.
class PlainLoop : public deri::LanguageDecoder {
 public:
  explicit PlainLoop(std::shared_ptr<deri::Gpt2> network) : network_(register_module("network", std::move(network))) {}

  std::int64_t vocabulary() const override { return network_->vocabulary(); }
  std::int64_t positions() const override { return network_->positions(); }
  std::int64_t memory_width() const override { return network_->memory_width(); }
  Tensor forward(const Tensor& ids, const Tensor& mask, const Tensor& memory) override {
    return network_->forward(ids, mask, memory);
  }
  deri::DecoderState start(const Tensor& memory, std::int64_t beams) override {
    deri::DecoderState state;
    state.beams = beams;
    state.layers.resize(1);
    state.layers[0].memory_key = memory;
    return state;
  }
  Tensor step(const Tensor& ids, deri::DecoderState& state) override {
    state.relation = state.relation.defined() ? torch::cat({state.relation, ids.unsqueeze(1)}, 1) : ids.unsqueeze(1);
    return network_->forward(state.relation, {}, state.layers[0].memory_key.repeat_interleave(state.beams, 0))
        .select(1, state.relation.size(1) - 1);
  }

 private:
  std::shared_ptr<deri::Gpt2> network_;
};

void write(benchmark::State& state, deri::LanguageDecoder& network, torch::ScalarType type) {
  torch::manual_seed(2);
  const Tensor memory = torch::randn({kEcgs, kMemoryTokens, 768}).to(type);
  const deri::DecodingOptions options{
      .bos = kBegin, .eos = kEnd, .max_length = kTokens + 1, .min_length = kTokens + 1, .beams = 3};
  std::int64_t tokens = 0;
  for (auto _ : state)
    for (const deri::DecodedText& text : deri::decode(network, memory, options))
      tokens += static_cast<std::int64_t>(text.token_log_probability.size());
  state.counters["tokens/s"] = benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsRate);
}

void session(benchmark::State& state, torch::ScalarType type) {
  if (!deri::PackedLinear::available(type)) {
    state.SkipWithError("not on this machine");
    return;
  }
  deri::Gpt2Session session(*distil_gpt2(torch::kFloat32), type);
  write(state, session, torch::kFloat32);
}

void cached(benchmark::State& state) {
  write(state, *distil_gpt2(torch::kFloat32), torch::kFloat32);
}

void plain_loop(benchmark::State& state) {
  PlainLoop network(distil_gpt2(torch::kFloat32));
  write(state, network, torch::kFloat32);
}

BENCHMARK_CAPTURE(session, float32, torch::kFloat32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(session, bfloat16, torch::kBFloat16)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(cached)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(plain_loop)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  // As the program does.
  deri::keep_freed_memory();
  deri::set_computation_threads(0);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
