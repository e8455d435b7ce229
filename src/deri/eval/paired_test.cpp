#include "deri/eval/paired_test.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kPermutation = 3;  // apart from the bootstrap's draws

// Differences are sums of fractions: what differs by rounding alone counts as equal, which errs towards a larger p.
constexpr double kRounding = 1e-12;

// One label's ranks by both models. Ranks are numbered densely over both, so that sorting is counting.
class SwappableLabel {
 public:
  SwappableLabel(const RankedLabel& a, const RankedLabel& b)
      : positives_(a.positives()), negatives_(a.negatives()), targets_(a.entries().size()) {
    for (const RankedLabel::Entry& entry : a.entries()) targets_[entry.record] = entry.positive;
    const std::vector<std::uint32_t> ranks_a = doubled_ranks(a), ranks_b = doubled_ranks(b);
    std::vector<std::uint32_t> distinct = ranks_a;
    distinct.insert(distinct.end(), ranks_b.begin(), ranks_b.end());
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    levels_ = distinct.size();
    const auto level = [&](std::uint32_t rank) {
      return static_cast<std::uint32_t>(std::lower_bound(distinct.begin(), distinct.end(), rank) - distinct.begin());
    };
    for (std::size_t i = 0; i < targets_.size(); ++i) levels_of_.push_back({level(ranks_a[i]), level(ranks_b[i])});
  }

  bool defined() const { return positives_ > 0 && negatives_ > 0; }
  bool frequent() const { return defined() && positives_ >= kFrequentPositives; }

  struct Scratch {
    std::vector<std::uint64_t> a, b;
  };

  // AUROC of a minus that of b after swapping the records where `swapped` is 1. NaN without both classes.
  double difference(const std::vector<std::uint8_t>& swapped, Scratch& scratch) const {
    if (!defined()) return kNaN;
    // Per level, positives in the high half of the word and negatives in the low one.
    scratch.a.assign(levels_, 0);
    scratch.b.assign(levels_, 0);
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      const std::uint64_t one = targets_[i] != 0 ? std::uint64_t{1} << 32 : 1;
      scratch.a[levels_of_[i][swapped[i]]] += one;
      scratch.b[levels_of_[i][1 - swapped[i]]] += one;
    }
    const auto wins_a = static_cast<std::int64_t>(doubled_wins(scratch.a));
    const auto wins_b = static_cast<std::int64_t>(doubled_wins(scratch.b));
    return static_cast<double>(wins_a - wins_b) / 2 /
           (static_cast<double>(positives_) * static_cast<double>(negatives_));
  }

 private:
  // Twice the mean rank among all records, from the lowest score: whole numbers even for ties.
  static std::vector<std::uint32_t> doubled_ranks(const RankedLabel& label) {
    const auto& entries = label.entries();
    std::vector<std::uint32_t> ranks(entries.size());
    for (std::size_t start = 0; start < entries.size();) {
      std::size_t end = start;
      while (entries[end].last_tie == 0) ++end;
      const auto doubled = static_cast<std::uint32_t>(2 * entries.size() - start - end);
      for (std::size_t i = start; i <= end; ++i) ranks[entries[i].record] = doubled;
      start = end + 1;
    }
    return ranks;
  }

  // 2 x (pairs with the positive above) + pairs tied, from the lowest level up.
  static std::uint64_t doubled_wins(const std::vector<std::uint64_t>& counts) {
    std::uint64_t wins = 0, negatives_below = 0;
    for (const std::uint64_t count : counts) {
      const std::uint64_t positives = count >> 32, negatives = count & 0xffffffffU;
      wins += positives * (2 * negatives_below + negatives);
      negatives_below += negatives;
    }
    return wins;
  }

  std::size_t positives_, negatives_, levels_ = 0;
  std::vector<std::uint8_t> targets_;
  std::vector<std::array<std::uint32_t, 2>> levels_of_;  // per record, by model
};

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

// Which records permutation number `index` swaps: the bits of the number itself, or random ones.
std::vector<std::uint8_t> swaps(std::size_t records, std::size_t index, bool exact, std::uint64_t seed) {
  std::vector<std::uint8_t> swapped(records);
  Rng rng(mix_seed(seed, {kPermutation, index}));
  std::uint64_t bits = index;
  for (std::size_t i = 0; i < records; ++i) {
    if (!exact && i % 64 == 0) bits = rng.next();
    swapped[i] = static_cast<std::uint8_t>(bits >> (i % 64) & 1);
  }
  return swapped;
}

bool every_permutation(std::size_t records, int permutations) {
  return records < 31 && (std::size_t{1} << records) <= static_cast<std::size_t>(permutations);
}

// Of each label and the two means: the share of permutations at least as far from 0 as `observed`.
std::vector<double> p_values(const std::vector<SwappableLabel>& labels, const std::vector<double>& observed,
                             std::size_t records, bool exact, std::size_t permutations, const PairedOptions& options) {
  constexpr std::size_t kBatch = 16;
  const std::size_t batches = (permutations + kBatch - 1) / kBatch;
  std::vector<std::vector<std::size_t>> extreme(batches, std::vector<std::size_t>(observed.size(), 0));
  parallel_for(batches, options.threads, [&](std::size_t batch) {
    for (std::size_t i = batch * kBatch; i < std::min(permutations, (batch + 1) * kBatch); ++i) {
      const std::vector<double> differences = swapped_differences(labels, swaps(records, i, exact, options.seed));
      for (std::size_t k = 0; k < observed.size(); ++k)
        extreme[batch][k] += std::abs(differences[k]) >= std::abs(observed[k]) - kRounding ? 1 : 0;
    }
  });
  std::vector<double> values;
  for (std::size_t k = 0; k < observed.size(); ++k) {
    std::size_t count = exact ? 0 : 1;
    for (const std::vector<std::size_t>& batch : extreme) count += batch[k];
    const double all = static_cast<double>(permutations + (exact ? 0 : 1));
    values.push_back(std::isnan(observed[k]) ? kNaN : static_cast<double>(count) / all);
  }
  return values;
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
  if (options.permutations < 1) fail("the test needs at least 1 permutation, not {}", options.permutations);
  if (a.labels != b.labels || a.targets != b.targets)
    fail("a paired test needs two sets of scores for the same records and labels");
  const std::vector<RankedLabel> ranked_a = rank_labels(a), ranked_b = rank_labels(b);
  std::vector<SwappableLabel> labels;
  for (std::size_t k = 0; k < ranked_a.size(); ++k) labels.emplace_back(ranked_a[k], ranked_b[k]);

  PairedComparison result;
  result.records = a.records();
  result.exact = every_permutation(result.records, options.permutations);
  result.permutations =
      result.exact ? std::size_t{1} << result.records : static_cast<std::size_t>(options.permutations);
  const std::vector<double> observed = swapped_differences(labels, std::vector<std::uint8_t>(result.records, 0));
  const std::vector<double> p = p_values(labels, observed, result.records, result.exact, result.permutations, options);

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
