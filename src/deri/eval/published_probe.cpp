#include "deri/eval/published_probe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/panel.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kInit = 1, kOrder = 2;

// Features in double with a column of ones for the bias, padded with zeros to whole tiles.
std::vector<double> padded(const ProbeSet& set, std::size_t stride) {
  std::vector<double> rows(rounded_up(set.records(), kTile) * stride, 0);
  for (std::size_t i = 0; i < set.records(); ++i) {
    std::copy_n(set.features.data() + i * set.columns, set.columns, rows.data() + i * stride);
    rows[i * stride + set.columns] = 1;
  }
  return rows;
}

// What every panel of labels shares.
struct Work {
  const ProbeSet& train;
  const ProbeSet& scored;
  const PublishedProbeOptions& options;
  std::size_t stride;
  std::vector<double> train_rows, scored_rows;

  Work(const ProbeSet& train_set, const ProbeSet& scored_set, const PublishedProbeOptions& all_options)
      : train(train_set),
        scored(scored_set),
        options(all_options),
        stride(rounded_up(train.columns + 1, kTile)),
        train_rows(padded(train, stride)),
        scored_rows(padded(scored, stride)) {}

  std::vector<std::size_t> order(int epoch) const {
    std::vector<std::size_t> records(train.records());
    std::iota(records.begin(), records.end(), std::size_t{0});
    Rng rng(mix_seed(options.seed, {kOrder, static_cast<std::uint64_t>(epoch)}));
    rng.shuffle(records);
    return records;
  }
};

// A panel's history, one entry per epoch.
struct PanelHistory {
  std::vector<std::vector<double>> parameters;  // [stride, kPanel]
  std::vector<std::vector<LabelMetrics>> metrics;
  std::vector<double> loss;  // summed over labels, mean over batches
  std::vector<double> learning_rate;
};

// Trains up to eight labels, which do not depend on one another but through the loss's mean over labels.
class PanelTraining {
 public:
  PanelTraining(const Work& work, std::size_t first)
      : work_(work),
        first_(first),
        width_(std::min(kPanel, work.train.labels.size() - first)),
        parameters_(work.stride * kPanel, 0),
        moment1_(parameters_.size(), 0),
        moment2_(parameters_.size(), 0),
        gradient_(parameters_.size(), 0) {
    const double bound = 1 / std::sqrt(static_cast<double>(work.train.columns));
    for (std::size_t l = 0; l < width_; ++l) {
      Rng rng(mix_seed(work.options.seed, {kInit, first + l}));
      for (std::size_t j = 0; j <= work.train.columns; ++j) parameters_[j * kPanel + l] = rng.uniform(-bound, bound);
    }
  }

  PanelHistory run() {
    PanelHistory history;
    for (int epoch = 0; epoch < work_.options.epochs; ++epoch) {
      history.loss.push_back(train_epoch(work_.order(epoch)));
      history.learning_rate.push_back(rate_);
      history.parameters.push_back(parameters_);
      history.metrics.push_back(measure());
    }
    return history;
  }

 private:
  double train_epoch(const std::vector<std::size_t>& order) {
    const auto size = static_cast<std::size_t>(work_.options.batch_size);
    double loss = 0;
    std::size_t batches = 0;
    for (std::size_t start = 0; start < order.size(); start += size, ++batches) {
      loss += train_batch({order.data() + start, std::min(size, order.size() - start)});
      if (work_.options.step_per_batch) ++schedule_;
    }
    ++schedule_;
    return loss / static_cast<double>(batches);
  }

  double train_batch(std::span<const std::size_t> records) {
    const std::size_t stride = work_.stride, rows = rounded_up(records.size(), kTile);
    batch_.assign(rows * stride, 0);
    for (std::size_t i = 0; i < records.size(); ++i)
      std::copy_n(&work_.train_rows[records[i] * stride], stride, &batch_[i * stride]);
    logits_.assign(rows * kPanel, 0);
    for (std::size_t i = 0; i < rows; i += kTile)
      multiply_tile(&batch_[i * stride], stride, 1, work_.train.columns + 1, parameters_.data(), &logits_[i * kPanel]);
    const double loss = to_residuals(records);
    std::fill(gradient_.begin(), gradient_.end(), 0);
    for (std::size_t j = 0; j < stride; j += kTile)
      multiply_tile(&batch_[j], 1, stride, records.size(), logits_.data(), &gradient_[j * kPanel]);
    step();
    return loss;
  }

  // Logits become the loss's derivatives. Returns the loss of this panel's labels.
  double to_residuals(std::span<const std::size_t> records) {
    const std::size_t labels = work_.train.labels.size();
    const double share = 1 / static_cast<double>(records.size() * labels);
    double loss = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
      for (std::size_t l = 0; l < width_; ++l) {
        double& value = logits_[i * kPanel + l];
        const std::uint8_t target = work_.train.targets[records[i] * labels + first_ + l];
        const double e = std::exp(-std::abs(value));
        loss += std::log1p(e) + std::max(value, 0.0) - target * value;
        value = ((value >= 0 ? 1 / (1 + e) : e / (1 + e)) - target) * share;
      }
      for (std::size_t l = width_; l < kPanel; ++l) logits_[i * kPanel + l] = 0;
    }
    return loss * share;
  }

  void step() {
    ++steps_;
    rate_ = work_.options.learning_rate * (schedule_ >= work_.options.milestone ? work_.options.decay : 1);
    adam_step(parameters_.size(), rate_, work_.options.weight_decay, steps_, gradient_.data(), moment1_.data(),
              moment2_.data(), parameters_.data());
  }

  std::vector<LabelMetrics> measure() {
    const ProbeSet& set = work_.scored;
    std::vector<double> tile(rounded_up(set.records(), kTile) * kPanel, 0);
    for (std::size_t i = 0; i < set.records(); i += kTile)
      multiply_tile(&work_.scored_rows[i * work_.stride], work_.stride, 1, set.columns + 1, parameters_.data(),
                    &tile[i * kPanel]);
    ScoredLabels scored;
    for (std::size_t l = 0; l < width_; ++l) scored.labels.push_back(set.labels[first_ + l]);
    for (std::size_t i = 0; i < set.records(); ++i) {
      for (std::size_t l = 0; l < width_; ++l) {
        scored.scores.push_back(tile[i * kPanel + l]);
        scored.targets.push_back(set.targets[i * set.labels.size() + first_ + l]);
      }
    }
    return evaluate_multilabel_published(scored).labels;
  }

  const Work& work_;
  std::size_t first_, width_;
  std::vector<double> parameters_, moment1_, moment2_, gradient_, batch_, logits_;
  std::int64_t steps_ = 0, schedule_ = 0;
  double rate_ = 0;
};

void check_options(const PublishedProbeOptions& options) {
  if (options.epochs < 1) fail("a probe needs at least 1 epoch, not {}", options.epochs);
  if (options.batch_size < 1) fail("a batch needs at least 1 record, not {}", options.batch_size);
  if (!(options.learning_rate > 0)) fail("a learning rate of {} is not above 0", options.learning_rate);
  if (!(options.weight_decay >= 0)) fail("a weight decay of {} is below 0", options.weight_decay);
}

PublishedEpoch epoch_figures(const std::vector<PanelHistory>& panels, std::size_t epoch) {
  PublishedEpoch result{panels.front().learning_rate[epoch], 0, 0, 0, 0};
  std::size_t defined = 0;
  for (const PanelHistory& panel : panels) {
    result.train_loss += panel.loss[epoch];
    for (const LabelMetrics& label : panel.metrics[epoch]) {
      if (!label.defined()) continue;
      ++defined;
      result.auroc += label.auroc;
      result.f1 += label.f1;
      result.accuracy += label.accuracy;
    }
  }
  for (double* mean : {&result.auroc, &result.f1, &result.accuracy})
    *mean = defined == 0 ? kNaN : *mean / static_cast<double>(defined);
  return result;
}

LinearModel model_of(const Work& work, const std::vector<PanelHistory>& panels, std::size_t epoch) {
  const std::size_t columns = work.train.columns;
  LinearModel model{
      work.train.labels, columns, std::vector<double>(columns, 0), std::vector<double>(columns, 1), {}, {}};
  for (std::size_t k = 0; k < work.train.labels.size(); ++k) {
    const std::vector<double>& parameters = panels[k / kPanel].parameters[epoch];
    for (std::size_t j = 0; j < columns; ++j) model.weights.push_back(parameters[j * kPanel + k % kPanel]);
    model.intercepts.push_back(parameters[columns * kPanel + k % kPanel]);
  }
  return model;
}

}  // namespace

PublishedProbe fit_published_probe(const ProbeSet& train, const ProbeSet& scored,
                                   const PublishedProbeOptions& options) {
  check_probe_set(train, "the training records");
  check_probe_set(scored, "the scored records");
  check_options(options);
  if (train.labels != scored.labels || train.columns != scored.columns)
    fail("the scored records have {} labels and {} features, the training records {} and {}: use the same for both",
         scored.labels.size(), scored.columns, train.labels.size(), train.columns);
  const Work work(train, scored, options);
  std::vector<PanelHistory> panels((train.labels.size() + kPanel - 1) / kPanel);
  parallel_for(panels.size(), options.threads,
               [&](std::size_t p) { panels[p] = PanelTraining(work, p * kPanel).run(); });

  PublishedProbe result;
  result.max_auroc = result.max_f1 = result.max_accuracy = kNaN;
  for (std::size_t epoch = 0; epoch < static_cast<std::size_t>(options.epochs); ++epoch) {
    result.epochs.push_back(epoch_figures(panels, epoch));
    const PublishedEpoch& figures = result.epochs.back();
    if (figures.auroc > result.epochs[result.best_epoch].auroc) result.best_epoch = epoch;
    result.max_auroc = std::fmax(result.max_auroc, figures.auroc);
    result.max_f1 = std::fmax(result.max_f1, figures.f1);
    result.max_accuracy = std::fmax(result.max_accuracy, figures.accuracy);
  }
  result.best = model_of(work, panels, result.best_epoch);
  result.last = model_of(work, panels, result.epochs.size() - 1);
  return result;
}

}  // namespace deri
