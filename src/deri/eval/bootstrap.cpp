#include "deri/eval/bootstrap.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Keep the draws of the two ways of resampling apart.
constexpr std::uint64_t kStratified = 1, kJoint = 2;

void check_options(const BootstrapOptions& options) {
  if (options.resamples < 1) fail("the bootstrap needs at least 1 resample, not {}", options.resamples);
  if (!(options.confidence > 0 && options.confidence < 1))
    fail("a confidence of {} is not between 0 and 1: use 0.95", options.confidence);
}

// task(0) .. task(count - 1), each once, on several threads; rethrows what a task throws.
void run_tasks(std::size_t count, int threads, const std::function<void(std::size_t)>& task) {
  const std::size_t wanted =
      threads > 0 ? static_cast<std::size_t>(threads) : std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) task(i);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::jthread> workers;
  for (std::size_t i = 1; i < std::min(wanted, count); ++i) workers.emplace_back(work);
  work();
  workers.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

// Draws as many of `records` as there are, with replacement, and counts them in `weights`.
void draw(Rng& rng, const std::vector<std::uint32_t>& records, std::vector<std::uint32_t>& weights) {
  for (std::size_t i = 0; i < records.size(); ++i) ++weights[rng.pick(records)];
}

Estimate estimate(double value, const std::vector<double>& resampled, double confidence) {
  const double tail = (1 - confidence) / 2;
  return {value, quantile(resampled, tail), quantile(resampled, 1 - tail)};
}

LabelIntervals label_intervals(const RankedLabel& label, std::size_t index, const BootstrapOptions& options) {
  std::vector<std::uint32_t> positives, negatives;
  for (const RankedLabel::Entry& entry : label.entries())
    (entry.positive != 0 ? positives : negatives).push_back(entry.record);
  const std::vector<std::uint32_t> once(label.entries().size(), 1);
  const RankMetrics whole = rank_metrics(label, once);
  if (positives.empty() || negatives.empty()) return {{kNaN, kNaN, kNaN}, {kNaN, kNaN, kNaN}};

  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<double> aurocs(resamples), auprcs(resamples);
  std::vector<std::uint32_t> weights(once.size());
  for (std::size_t r = 0; r < resamples; ++r) {
    std::fill(weights.begin(), weights.end(), 0U);
    Rng rng(mix_seed(options.seed, {kStratified, index, r}));
    draw(rng, positives, weights);
    draw(rng, negatives, weights);
    const RankMetrics metrics = rank_metrics(label, weights);
    aurocs[r] = metrics.auroc;
    auprcs[r] = metrics.average_precision;
  }
  return {estimate(whole.auroc, aurocs, options.confidence),
          estimate(whole.average_precision, auprcs, options.confidence)};
}

// The means over labels, on one weighting of the records.
struct Macros {
  double auroc = kNaN, auprc = kNaN, frequent_auroc = kNaN, frequent_auprc = kNaN;
};

class JointResampler {
 public:
  JointResampler(std::vector<RankedLabel> ranked, std::size_t records) : ranked_(std::move(ranked)), records_(records) {
    const std::vector<std::uint32_t> once(records, 1);
    for (const RankedLabel& label : ranked_) whole_.push_back(rank_metrics(label, once));
  }

  Macros whole() const { return macros(std::vector<std::uint32_t>(records_, 1)); }

  Macros macros(const std::vector<std::uint32_t>& weights) const {
    Mean auroc, auprc, frequent_auroc, frequent_auprc;
    for (std::size_t i = 0; i < ranked_.size(); ++i) {
      if (ranked_[i].positives() == 0 || ranked_[i].negatives() == 0) continue;
      RankMetrics metrics = rank_metrics(ranked_[i], weights);
      if (std::isnan(metrics.auroc)) metrics = whole_[i];  // this draw lost a class
      auroc.add(metrics.auroc);
      auprc.add(metrics.average_precision);
      if (ranked_[i].positives() < kFrequentPositives) continue;
      frequent_auroc.add(metrics.auroc);
      frequent_auprc.add(metrics.average_precision);
    }
    return {auroc.value(), auprc.value(), frequent_auroc.value(), frequent_auprc.value()};
  }

 private:
  struct Mean {
    double sum = 0;
    int count = 0;
    void add(double value) {
      sum += value;
      ++count;
    }
    double value() const { return count == 0 ? kNaN : sum / count; }
  };

  std::vector<RankedLabel> ranked_;
  std::size_t records_;
  std::vector<RankMetrics> whole_;
};

// Of resample number r: how often each record was drawn.
std::vector<std::uint32_t> joint_weights(std::size_t records, std::uint64_t seed, std::size_t r) {
  std::vector<std::uint32_t> weights(records, 0);
  Rng rng(mix_seed(seed, {kJoint, r}));
  for (std::size_t i = 0; i < records; ++i) ++weights[rng.below(records)];
  return weights;
}

}  // namespace

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return kNaN;
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) return kNaN;
  std::sort(values.begin(), values.end());
  const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  const double fraction = position - static_cast<double>(below);
  return values[below] + fraction * (values[above] - values[below]);
}

MultiLabelIntervals bootstrap_intervals(const ScoredLabels& data, const BootstrapOptions& options) {
  check_options(options);
  const std::vector<RankedLabel> ranked = rank_labels(data);
  MultiLabelIntervals result{};
  result.labels.resize(ranked.size());
  run_tasks(ranked.size(), options.threads,
            [&](std::size_t i) { result.labels[i] = label_intervals(ranked[i], i, options); });

  const JointResampler resampler(ranked, data.records());
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<double> auroc(resamples), auprc(resamples);
  std::vector<double> frequent_auroc(resamples), frequent_auprc(resamples);
  run_tasks(resamples, options.threads, [&](std::size_t r) {
    const Macros macros = resampler.macros(joint_weights(data.records(), options.seed, r));
    auroc[r] = macros.auroc;
    auprc[r] = macros.auprc;
    frequent_auroc[r] = macros.frequent_auroc;
    frequent_auprc[r] = macros.frequent_auprc;
  });
  const Macros whole = resampler.whole();
  result.macro_auroc = estimate(whole.auroc, auroc, options.confidence);
  result.macro_auprc = estimate(whole.auprc, auprc, options.confidence);
  result.macro_frequent_auroc = estimate(whole.frequent_auroc, frequent_auroc, options.confidence);
  result.macro_frequent_auprc = estimate(whole.frequent_auprc, frequent_auprc, options.confidence);
  return result;
}

PairedDifference macro_auroc_difference(const ScoredLabels& a, const ScoredLabels& b, const BootstrapOptions& options) {
  check_options(options);
  if (a.labels != b.labels || a.targets != b.targets)
    fail("a paired difference needs two sets of scores for the same records and labels");
  const JointResampler first(rank_labels(a), a.records());
  const JointResampler second(rank_labels(b), b.records());
  std::vector<double> differences(static_cast<std::size_t>(options.resamples));
  run_tasks(differences.size(), options.threads, [&](std::size_t r) {
    const std::vector<std::uint32_t> weights = joint_weights(a.records(), options.seed, r);
    differences[r] = first.macros(weights).auroc - second.macros(weights).auroc;
  });
  const Estimate result = estimate(first.whole().auroc - second.whole().auroc, differences, options.confidence);
  return {result.value, result.low, result.high};
}

}  // namespace deri
