#include "deri/eval/paired_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"
#include "deri/eval/permutation.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Differences of every label, then of the two means.
std::vector<double> with_means(std::vector<double> differences, const std::vector<SwappableLabel>& labels) {
  double sum = 0, frequent_sum = 0;
  std::size_t count = 0, frequent_count = 0;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (!labels[k].defined()) continue;
    sum += differences[k];
    ++count;
    if (!labels[k].frequent()) continue;
    frequent_sum += differences[k];
    ++frequent_count;
  }
  differences.push_back(count == 0 ? kNaN : sum / static_cast<double>(count));
  differences.push_back(frequent_count == 0 ? kNaN : frequent_sum / static_cast<double>(frequent_count));
  return differences;
}

std::vector<double> swapped_differences(const std::vector<SwappableLabel>& labels,
                                        const std::vector<std::uint8_t>& swapped) {
  SwappableLabel::Scratch scratch;
  std::vector<double> differences;
  for (const SwappableLabel& label : labels) differences.push_back(label.difference(swapped, scratch));
  return with_means(std::move(differences), labels);
}

// The bootstrap of one label's difference, its classes drawn apart, the same records for both models.
Estimate label_difference(const RankedLabel& a, const RankedLabel& b, std::size_t index, double observed,
                          const PairedOptions& options) {
  if (std::isnan(observed)) return {kNaN, kNaN, kNaN};
  const ClassResampler classes(a);
  std::vector<double> differences(static_cast<std::size_t>(options.resamples));
  for (std::size_t r = 0; r < differences.size(); ++r) {
    const std::vector<std::uint32_t> weights = classes.draw(options.seed, index, r);
    differences[r] = rank_metrics(a, weights).auroc - rank_metrics(b, weights).auroc;
  }
  return percentile_interval(observed, differences, options.confidence);
}

// The two means' differences on resamples of whole records. A label that loses a class in a draw keeps its value, as in
// bootstrap.hpp.
std::array<Estimate, 2> mean_differences(const std::vector<RankedLabel>& a, const std::vector<RankedLabel>& b,
                                         const std::vector<SwappableLabel>& labels, const std::vector<double>& observed,
                                         std::size_t records, const PairedOptions& options) {
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::array<std::vector<double>, 2> means = {std::vector<double>(resamples), std::vector<double>(resamples)};
  parallel_for(resamples, options.threads, [&](std::size_t r) {
    const std::vector<std::uint32_t> weights = resampled_records(records, options.seed, r);
    std::vector<double> differences;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      const double difference =
          labels[k].defined() ? rank_metrics(a[k], weights).auroc - rank_metrics(b[k], weights).auroc : kNaN;
      differences.push_back(std::isnan(difference) ? observed[k] : difference);
    }
    differences = with_means(std::move(differences), labels);
    means[0][r] = differences[labels.size()];
    means[1][r] = differences[labels.size() + 1];
  });
  return {percentile_interval(observed[labels.size()], means[0], options.confidence),
          percentile_interval(observed[labels.size() + 1], means[1], options.confidence)};
}

double mean_auroc(const std::vector<AurocComparison>& labels, const std::vector<SwappableLabel>& kinds, bool frequent,
                  double AurocComparison::*model) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (!(frequent ? kinds[k].frequent() : kinds[k].defined())) continue;
    sum += labels[k].*model;
    ++count;
  }
  return count == 0 ? kNaN : sum / static_cast<double>(count);
}

}  // namespace

std::vector<double> holm_adjusted(const std::vector<double>& p_values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p_values.size(); ++i)
    if (!std::isnan(p_values[i])) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size(), kNaN);
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - i) * p_values[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

PairedComparison compare_aurocs(const ScoredLabels& a, const ScoredLabels& b, const PairedOptions& options) {
  check_options({options.resamples, options.confidence, options.seed, options.threads});
  if (a.labels != b.labels || a.targets != b.targets)
    fail("a paired test needs two sets of scores for the same records and labels");
  const std::vector<RankedLabel> ranked_a = rank_labels(a), ranked_b = rank_labels(b);
  std::vector<SwappableLabel> labels;
  for (std::size_t k = 0; k < ranked_a.size(); ++k) labels.emplace_back(ranked_a[k], ranked_b[k]);

  PairedComparison result;
  result.records = a.records();
  const Permutations permutations(result.records, options.permutations, options.seed);
  result.exact = permutations.exact();
  result.permutations = permutations.count();
  const std::vector<double> observed = swapped_differences(labels, std::vector<std::uint8_t>(result.records, 0));
  const auto differences = [&](const std::vector<std::uint8_t>& swapped) {
    return swapped_differences(labels, swapped);
  };
  const std::vector<double> p = permutation_p_values(permutations, observed, differences, options.threads);

  result.labels.resize(labels.size());
  parallel_for(labels.size(), options.threads, [&](std::size_t k) {
    const std::vector<std::uint32_t> once(result.records, 1);
    result.labels[k] = {a.labels[k],
                        rank_metrics(ranked_a[k], once).auroc,
                        rank_metrics(ranked_b[k], once).auroc,
                        label_difference(ranked_a[k], ranked_b[k], k, observed[k], options),
                        p[k],
                        kNaN};
  });
  const std::vector<double> adjusted = holm_adjusted({p.begin(), p.end() - 2});
  for (std::size_t k = 0; k < labels.size(); ++k) result.labels[k].holm_p_value = adjusted[k];

  const std::array<Estimate, 2> means = mean_differences(ranked_a, ranked_b, labels, observed, result.records, options);
  const auto mean = [&](const char* name, bool frequent, std::size_t index) {
    return AurocComparison{name,
                           mean_auroc(result.labels, labels, frequent, &AurocComparison::a),
                           mean_auroc(result.labels, labels, frequent, &AurocComparison::b),
                           means[index],
                           p[labels.size() + index],
                           p[labels.size() + index]};
  };
  result.macro = mean("macro", false, 0);
  result.macro_frequent = mean("macro_frequent", true, 1);
  return result;
}

}  // namespace deri
