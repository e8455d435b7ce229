#include "deri/eval/class_agreement.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

struct ClassCounts {
  double truth = 0, generated = 0, both = 0;
};

enum AgreementFigure : std::size_t { kF1, kPrecision, kRecall, kAccuracy, kAgreementFigures };
using AgreementFigures = std::array<double, kAgreementFigures>;

// Of a class that any report was given; its accuracy is left 0.
AgreementFigures class_figures(const ClassCounts& counts) {
  return {2 * counts.both / (counts.truth + counts.generated),
          counts.generated > 0 ? counts.both / counts.generated : 0, counts.truth > 0 ? counts.both / counts.truth : 0};
}

// The classes of one system's reports beside the true ones.
class ClassPairs {
 public:
  ClassPairs(const std::vector<int>& truth, const std::vector<int>& generated, int classes)
      : truth_(truth), generated_(generated), classes_(static_cast<std::size_t>(std::max(classes, 0))) {
    if (truth.size() != generated.size())
      fail("classes of {} generated reports cannot be compared with those of {} true ones: give one for each",
           generated.size(), truth.size());
    if (truth.empty()) fail("there are no reports to score");
    check_range(truth, classes);
    check_range(generated, classes);
    whole_.resize(classes_);
    const std::vector<ClassCounts> counts = count(std::vector<std::uint32_t>(truth.size(), 1));
    for (std::size_t c = 0; c < classes_; ++c) {
      if (counts[c].truth + counts[c].generated == 0) continue;
      whole_[c] = class_figures(counts[c]);
      ++counted_;
    }
  }

  std::size_t reports() const { return truth_.size(); }
  std::size_t counted() const { return counted_; }

  AgreementFigures measure(const std::vector<std::uint32_t>& weights) const {
    const std::vector<ClassCounts> counts = count(weights);
    AgreementFigures sums{};
    double both = 0, all = 0;
    for (std::size_t c = 0; c < classes_; ++c) {
      both += counts[c].both;
      all += counts[c].truth;
      const AgreementFigures figures = counts[c].truth > 0 ? class_figures(counts[c]) : whole_[c];
      for (std::size_t i = 0; i < kAccuracy; ++i) sums[i] += figures[i];
    }
    for (std::size_t i = 0; i < kAccuracy; ++i) sums[i] /= static_cast<double>(counted_);
    sums[kAccuracy] = both / all;
    return sums;
  }

 private:
  static void check_range(const std::vector<int>& given, int classes) {
    for (const int value : given)
      if (value < 0 || value >= classes) fail("a report was given class {} of {}: they count from 0", value, classes);
  }

  std::vector<ClassCounts> count(const std::vector<std::uint32_t>& weights) const {
    std::vector<ClassCounts> counts(classes_);
    for (std::size_t record = 0; record < truth_.size(); ++record) {
      const double weight = weights[record];
      ClassCounts& of_truth = counts[static_cast<std::size_t>(truth_[record])];
      of_truth.truth += weight;
      counts[static_cast<std::size_t>(generated_[record])].generated += weight;
      if (truth_[record] == generated_[record]) of_truth.both += weight;
    }
    return counts;
  }

  const std::vector<int>&truth_, &generated_;
  std::size_t classes_, counted_ = 0;
  std::vector<AgreementFigures> whole_;  // by class, 0 for one that no report was given
};

using AgreementMeasure = std::function<AgreementFigures(const std::vector<std::uint32_t>&)>;

std::array<Estimate, kAgreementFigures> agreement_estimates(const AgreementMeasure& measure, std::size_t reports,
                                                            const BootstrapOptions& options) {
  check_options(options);
  std::vector<AgreementFigures> resampled(static_cast<std::size_t>(options.resamples));
  parallel_for(resampled.size(), options.threads,
               [&](std::size_t r) { resampled[r] = measure(resampled_records(reports, options.seed, r)); });
  const AgreementFigures whole = measure(std::vector<std::uint32_t>(reports, 1));
  std::array<Estimate, kAgreementFigures> estimates{};
  std::vector<double> values(resampled.size());
  for (std::size_t i = 0; i < kAgreementFigures; ++i) {
    for (std::size_t r = 0; r < resampled.size(); ++r) values[r] = resampled[r][i];
    estimates[i] = percentile_interval(whole[i], values, options.confidence);
  }
  return estimates;
}

}  // namespace

ClassAgreement class_agreement(const std::vector<int>& truth, const std::vector<int>& generated, int classes,
                               const BootstrapOptions& options) {
  const ClassPairs pairs(truth, generated, classes);
  const auto estimates = agreement_estimates(
      [&](const std::vector<std::uint32_t>& weights) { return pairs.measure(weights); }, pairs.reports(), options);
  return {{estimates[kF1], estimates[kPrecision], estimates[kRecall]},
          estimates[kAccuracy],
          pairs.counted(),
          pairs.reports()};
}

ClassAgreementDifference class_agreement_difference(const std::vector<int>& truth, const std::vector<int>& a,
                                                    const std::vector<int>& b, int classes,
                                                    const BootstrapOptions& options) {
  const ClassPairs first(truth, a, classes), second(truth, b, classes);
  const AgreementMeasure difference = [&](const std::vector<std::uint32_t>& weights) {
    AgreementFigures figures = first.measure(weights);
    const AgreementFigures others = second.measure(weights);
    for (std::size_t i = 0; i < figures.size(); ++i) figures[i] -= others[i];
    return figures;
  };
  const auto estimates = agreement_estimates(difference, first.reports(), options);
  return {{estimates[kF1], estimates[kPrecision], estimates[kRecall]}, estimates[kAccuracy]};
}

}  // namespace deri
