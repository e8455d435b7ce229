// The layers that training and embedding are made of, each by itself: plain and fast kernels, float32 and bfloat16
// (autocast). 10 s at 500 Hz, batch 16. GFLOP/s by counted multiply-adds (model/multiply_adds.hpp).

#include <functional>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include "deri/base/memory.hpp"
#include "deri/model/ecg_text_model.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/multiply_adds.hpp"
#include "deri/nn/attention_pool.hpp"
#include "deri/nn/computation_threads.hpp"
#include "deri/nn/interaction.hpp"
#include "deri/nn/kernels.hpp"
#include "deri/nn/precision.hpp"
#include "deri/nn/resnet1d.hpp"
#include "deri/nn/resnet_session.hpp"
#include "deri/train/adamw.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kBatch = 16, kLeads = 12, kSamples = 5000;
constexpr std::int64_t kEcgTokens = 105, kReportTokens = 40;
constexpr double kGiga = 1e9;

// What is measured: a function of a batch, and how many operations it takes forward and for training.
struct Layer {
  std::string name;
  std::function<Tensor()> forward;
  std::shared_ptr<torch::nn::Module> module;
  double forward_operations, training_operations;
};

double floating_point_operations(std::int64_t multiply_adds) {
  return 2 * static_cast<double>(kBatch * multiply_adds);
}

void set_rate(benchmark::State& state, double operations) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * operations / kGiga, benchmark::Counter::kIsRate);
}

void run_forward(benchmark::State& state, const Layer& layer, Kernels kernels, Precision precision) {
  const KernelsGuard guard(kernels);
  const torch::InferenceMode inference;
  layer.module->eval();
  for (auto _ : state) {
    const AutocastGuard autocast(precision, torch::kCPU);
    benchmark::DoNotOptimize(layer.forward());
  }
  set_rate(state, layer.forward_operations);
}

void run_training(benchmark::State& state, const Layer& layer, Kernels kernels, Precision precision) {
  const KernelsGuard guard(kernels);
  layer.module->train();
  for (auto _ : state) {
    for (Tensor& parameter : layer.module->parameters()) parameter.mutable_grad().reset();
    Tensor out;
    {
      const AutocastGuard autocast(precision, torch::kCPU);
      out = layer.forward();
    }
    out.backward(torch::ones_like(out));
  }
  set_rate(state, layer.training_operations);
}

// Calls `add` with each pair of kernels and precision, and their name.
void for_each_way(const std::function<void(Kernels, Precision, const std::string&)>& add) {
  for (const auto& [kernels, name] : {std::pair(Kernels::kPlain, "plain"), {Kernels::kFast, "fast"}}) {
    add(kernels, Precision::kFloat32, fmt::format("{}/float32", name));
    add(kernels, Precision::kBfloat16, fmt::format("{}/bfloat16", name));
  }
}

void register_layer(const Layer& layer, bool trained = true) {
  for_each_way([&](Kernels kernels, Precision precision, const std::string& way) {
    benchmark::RegisterBenchmark(fmt::format("{}/forward/{}", layer.name, way).c_str(), run_forward, layer, kernels,
                                 precision)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    if (!trained) return;
    benchmark::RegisterBenchmark(fmt::format("{}/training/{}", layer.name, way).c_str(), run_training, layer, kernels,
                                 precision)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  });
}

// The layers in an inference session.
void run_session(benchmark::State& state, const std::shared_ptr<ResNet1d>& network, InferencePrecision precision,
                 const Tensor& ecg, double operations) {
  network->eval();
  ResNetSession session(network->layers(), precision, ecg);
  for (auto _ : state) benchmark::DoNotOptimize(session.forward(ecg));
  set_rate(state, operations);
}

void register_session(const std::string& name, const std::shared_ptr<ResNet1d>& network, const Tensor& ecg,
                      double operations) {
  for (const auto& [precision, type] : {std::pair(InferencePrecision::kFloat32, "float32"),
                                        {InferencePrecision::kBfloat16, "bfloat16"},
                                        {InferencePrecision::kInt8, "int8"}})
    if (ResNetSession::usable(precision))
      benchmark::RegisterBenchmark(fmt::format("{}/session/{}", name, type).c_str(), run_session, network, precision,
                                   ecg, operations)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
}

// The ResNet-18's convolutions up to the end of a stage; of one stage alone, the difference to the one before.
void register_stages(int stages) {
  ResNet1dOptions options{.blocks = {0, 0, 0, 0}, .bottleneck = false};
  for (int i = 0; i < stages; ++i) options.blocks[static_cast<std::size_t>(i)] = 2;
  const auto network = std::make_shared<ResNet1d>(kLeads, options);
  const Tensor ecg = torch::rand({kBatch, kLeads, kSamples});
  const MultiplyAdds count = encoder_multiply_adds(*network, kSamples);
  const std::string name = stages == 0 ? "first_convolution" : fmt::format("convolutions_to_stage_{}", stages);
  register_session(name, network, ecg, floating_point_operations(count.forward));
  register_layer({name, [network, ecg] { return network->forward(ecg); }, network,
                  floating_point_operations(count.forward), floating_point_operations(count.training())});
}

void register_attention_pool(const ModelConfig& config) {
  const auto pool = std::make_shared<SeparatorPool>(kEcgTokens, config.width, config.pool_heads);
  const Tensor tokens = torch::randn({kBatch, kEcgTokens, config.width}, torch::requires_grad());
  const double operations = floating_point_operations(separator_pool_multiply_adds(kEcgTokens, config.width));
  register_layer(
      {"attention_pool", [pool, tokens] { return pool->forward(tokens); }, pool, operations, 3 * operations});
}

void register_interaction(const ModelConfig& config, const std::string& name, std::int64_t tokens, std::int64_t out) {
  const auto network = std::make_shared<Interaction>(InteractionOptions{.positions = tokens,
                                                                        .width = config.width,
                                                                        .out = out,
                                                                        .depth = config.interaction_depth,
                                                                        .heads = config.interaction_heads,
                                                                        .head_width = config.interaction_head_width,
                                                                        .dropout = config.interaction_dropout,
                                                                        .drop_path = config.interaction_drop_path});
  const Tensor x = torch::randn({kBatch, tokens, config.width}, torch::requires_grad());
  const double operations = floating_point_operations(interaction_multiply_adds(config, tokens, out));
  register_layer({name, [network, x] { return network->forward(x); }, network, operations, 3 * operations});
}

// One layer, with the embeddings before it and the pooler behind.
void register_bert_layer(TextTowerConfig config, std::int64_t tokens) {
  config.layers = 1;
  config.vocabulary = 1000;
  const auto tower = std::make_shared<Bert>(bert_options(config));
  const Tensor ids = torch::randint(config.vocabulary, {kBatch, tokens}, torch::kInt64);
  const Tensor mask = torch::ones({kBatch, tokens}, torch::kBool);
  const double operations = floating_point_operations(text_tower_multiply_adds(config, tokens).forward);
  register_layer({fmt::format("bert_layer_{}_tokens", tokens),
                  [tower, ids, mask] { return tower->forward(ids, mask).hidden; }, tower, operations, 0},
                 /*trained=*/false);
}

// Of a large batch: 256 pairs.
void clip_loss(benchmark::State& state, Kernels kernels, Precision precision) {
  constexpr std::int64_t kPairs = 256, kWidth = 256;
  const KernelsGuard guard(kernels);
  const AutocastGuard autocast(precision, torch::kCPU);
  Tensor x = torch::randn({kPairs, kWidth}, torch::requires_grad()), y = torch::randn({kPairs, kWidth});
  for (auto _ : state) clip(x, y, 0.07).backward();
  set_rate(state, 2.0 * 2 * kPairs * kPairs * kWidth);  // similarities, and the gradient of x
}

void adamw_step(benchmark::State& state, Kernels kernels) {
  const KernelsGuard guard(kernels);
  ModelConfig config;
  config.text.layers = 1;
  config.text.vocabulary = 1;
  const auto model = make_model(config);
  AdamW optimiser(*model, {});
  std::int64_t weights = 0;
  for (Tensor& parameter : model->parameters()) {
    if (!parameter.requires_grad()) continue;
    parameter.mutable_grad() = torch::randn_like(parameter);
    weights += parameter.numel();
  }
  for (auto _ : state) optimiser.step(1e-3);
  state.counters["weights/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * weights), benchmark::Counter::kIsRate);
}

void register_all() {
  torch::manual_seed(1);
  const ModelConfig config;
  for (int stages = 0; stages <= 4; ++stages) register_stages(stages);
  register_attention_pool(config);
  register_interaction(config, "interaction_of_ecg_tokens", kEcgTokens + 1, config.text.hidden);
  register_interaction(config, "interaction_of_report_tokens", kReportTokens, config.width);
  register_bert_layer(config.text, kReportTokens);
  register_bert_layer(config.text, config.text.max_tokens);
  for_each_way([](Kernels kernels, Precision precision, const std::string& way) {
    benchmark::RegisterBenchmark(fmt::format("clip_loss/training/{}", way).c_str(), clip_loss, kernels, precision)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
    if (precision == Precision::kFloat32)
      benchmark::RegisterBenchmark(fmt::format("adamw_step/{}", way).c_str(), adamw_step, kernels)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
  });
}

}  // namespace
}  // namespace deri

int main(int argc, char** argv) {
  // As the program does.
  deri::set_freed_memory(deri::FreedMemory::kKept);
  deri::set_computation_threads(0);
  deri::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
