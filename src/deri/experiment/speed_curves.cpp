// Whether training with the fast kernels learns as with the plain ones: losses step by step, from the same weights and
// the same batches, in several runs each, because dropout and the tokens that RME leaves out are drawn anew in each.

#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "deri/base/random.hpp"
#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_step.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/text_input.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::size_t kCurvePairs = 256;
constexpr std::size_t kCurveBatch = 16;
constexpr std::size_t kSmoothedSteps = 20;

// ECGs at 100 Hz, so that the plain kernels' turn ends soon, and a tower of random weights, frozen: its features are
// different for different reports, which is what there is to learn.
ModelConfig curve_config() {
  ModelConfig config = stored_text_config();
  config.input.rate = 100;
  config.text.layers = 2;
  config.text.vocabulary = 4096;
  config.text.hidden = 128;
  config.text.heads = 4;
  config.text.intermediate = 512;
  return config;
}

struct CurveData {
  Tensor ecg;
  TextFeatures text;
};

CurveData curve_data(const ModelConfig& config) {
  const std::vector<SyntheticPair> pairs = synthetic_pairs(kCurvePairs);
  const auto tokenizer = speed_tokenizer(pairs);
  std::vector<std::string> reports;
  for (const SyntheticPair& pair : pairs) reports.push_back(pair.report);
  const auto ids = tokenize_texts(*tokenizer, config.text, reports);
  std::vector<const std::vector<std::int32_t>*> rows;
  for (const auto& report : ids) rows.push_back(&report);
  const torch::NoGradGuard no_grad;
  return {input_tensor(pairs, config.input),
          speed_model(config)->encode_text(padded_batch(rows, 0, tokenizer->pad_id(), torch::kCPU))};
}

// The same for every run.
std::vector<Tensor> curve_batches(std::size_t steps) {
  std::vector<Tensor> batches;
  std::vector<std::int64_t> order(kCurvePairs);
  std::iota(order.begin(), order.end(), 0);
  Rng random(mix_seed(fnv1a("loss curve"), {}));
  for (std::size_t at = order.size(); batches.size() < steps; at += kCurveBatch) {
    if (at + kCurveBatch > order.size()) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      at = 0;
    }
    const auto begin = order.begin() + static_cast<std::ptrdiff_t>(at);
    batches.push_back(torch::tensor(std::vector<std::int64_t>(begin, begin + kCurveBatch)));
  }
  return batches;
}

SpeedLine loss_curve(const ModelConfig& config, const CurveData& data, const std::vector<Tensor>& batches,
                     const SpeedWay& way, std::uint64_t noise) {
  const KernelsGuard kernels(way.kernels);
  OurStep step(speed_model(config));
  torch::manual_seed(noise);
  SpeedLine line{way.name};
  for (const Tensor& batch : batches) {
    const TextFeatures text{.pooled = data.text.pooled.index_select(0, batch),
                            .hidden = data.text.hidden.index_select(0, batch),
                            .mask = data.text.mask.index_select(0, batch)};
    line.x.push_back(static_cast<double>(line.x.size() + 1));
    line.y.push_back(step.run(data.ecg.index_select(0, batch), text, way.precision));
  }
  return line;
}

// Means of the last steps at each step.
SpeedLine smoothed(const SpeedLine& line) {
  SpeedLine means{line.name};
  for (std::size_t end = kSmoothedSteps; end <= line.y.size(); ++end) {
    const auto last = line.y.begin() + static_cast<std::ptrdiff_t>(end);
    means.x.push_back(line.x[end - 1]);
    means.y.push_back(std::accumulate(last - kSmoothedSteps, last, 0.0) / kSmoothedSteps);
  }
  return means;
}

// Mean over the steps of |a - b| over the mean of both.
double mean_distance(const SpeedLine& a, const SpeedLine& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.y.size(); ++i) sum += 2 * std::abs(a.y[i] - b.y[i]) / (a.y[i] + b.y[i]);
  return sum / static_cast<double>(a.y.size());
}

// Of every run of one way to every run of another; of one way, to every other run.
double mean_distance(const std::vector<SpeedLine>& ones, const std::vector<SpeedLine>& others) {
  double sum = 0;
  int pairs = 0;
  for (const SpeedLine& one : ones)
    for (const SpeedLine& other : others)
      if (&one != &other) {
        sum += mean_distance(one, other);
        ++pairs;
      }
  return sum / pairs;
}

std::string ends_of(const std::vector<SpeedLine>& runs) {
  std::string text;
  for (const SpeedLine& run : runs) text += fmt::format("{}{:.2f}", text.empty() ? "" : ", ", run.y.back());
  return text;
}

}  // namespace

void measure_loss_curves(SpeedRun& run) {
  const ModelConfig config = curve_config();
  const CurveData data = curve_data(config);
  const std::vector<Tensor> batches = curve_batches(run.scale().curve_steps);
  const std::vector<SpeedWay> ways =
      usable_ways({{"plain float32", Kernels::kPlain, Precision::kFloat32}, kOurs, kOursBfloat16});
  SpeedFigure figure{.key = "loss-curves",
                     .title = fmt::format("Loss of {} steps of pre-training, mean of {} steps", run.scale().curve_steps,
                                          kSmoothedSteps),
                     .x_name = "step",
                     .y_name = "loss",
                     .logarithmic = false};
  std::vector<std::vector<SpeedLine>> runs(ways.size());
  std::uint64_t noise = 1;
  for (std::size_t way = 0; way < ways.size(); ++way) {
    for (std::size_t i = 0; i < run.scale().curve_runs; ++i)
      runs[way].push_back(smoothed(loss_curve(config, data, batches, ways[way], noise++)));
    figure.notes.push_back(fmt::format("{}: ends at {}; mean distance to {} {:.2f} %", ways[way].name,
                                       ends_of(runs[way]), way == 0 ? "each other" : "plain float32's runs",
                                       100 * mean_distance(runs[way], runs[0])));
    figure.lines.insert(figure.lines.end(), runs[way].begin(), runs[way].end());
  }
  run.add(std::move(figure));
}

}  // namespace deri
