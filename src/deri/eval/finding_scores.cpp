#include "deri/eval/finding_scores.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <functional>
#include <limits>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"

namespace deri {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Named = std::bitset<kReportFindings>;

struct Counts {
  double truth = 0, generated = 0, both = 0;
};

enum Figure : std::size_t { kF1, kPrecision, kRecall, kFigures };
using Figures = std::array<double, kFigures>;

Figures figures_of(const Counts& counts) {
  if (counts.truth + counts.generated == 0) return {kNaN, kNaN, kNaN};
  return {2 * counts.both / (counts.truth + counts.generated),
          counts.generated > 0 ? counts.both / counts.generated : 0, counts.truth > 0 ? counts.both / counts.truth : 0};
}

// Everything that is measured on one weighting of the records.
struct Measured {
  std::array<Figures, kReportFindings> findings;  // NaN without a true report
  Figures micro, macro;
};

class Comparison {
 public:
  Comparison(const std::vector<ReportFindings>& truth, const std::vector<ReportFindings>& generated,
             bool present_only) {
    if (truth.size() != generated.size())
      fail("findings of {} generated reports cannot be compared with those of {} true ones: give one for each",
           generated.size(), truth.size());
    if (truth.empty()) fail("there are no reports to score");
    for (const ReportFindings& findings : truth) truth_.push_back(named_by(findings, present_only));
    for (const ReportFindings& findings : generated) generated_.push_back(named_by(findings, present_only));
    const std::vector<std::uint32_t> once(truth.size(), 1);
    counts_ = count(once);
    whole_ = measure(once);
  }

  std::size_t reports() const { return truth_.size(); }
  const std::array<Counts, kReportFindings>& counts() const { return counts_; }
  const Measured& whole() const { return whole_; }

  Measured measure(const std::vector<std::uint32_t>& weights) const {
    const std::array<Counts, kReportFindings> counts = count(weights);
    Measured measured{};
    Counts all;
    Figures sums{};
    double findings = 0;
    for (std::size_t f = 0; f < kReportFindings; ++f) {
      all.truth += counts[f].truth;
      all.generated += counts[f].generated;
      all.both += counts[f].both;
      measured.findings[f].fill(kNaN);
      if (counts_[f].truth == 0) continue;
      measured.findings[f] = counts[f].truth > 0 ? figures_of(counts[f]) : whole_.findings[f];
      for (std::size_t i = 0; i < kFigures; ++i) sums[i] += measured.findings[f][i];
      ++findings;
    }
    measured.micro = figures_of(all);
    for (std::size_t i = 0; i < kFigures; ++i) measured.macro[i] = findings > 0 ? sums[i] / findings : kNaN;
    return measured;
  }

 private:
  static Named named_by(const ReportFindings& findings, bool present_only) {
    Named named;
    for (const ReportFinding finding : findings.positive(present_only)) named.set(static_cast<std::size_t>(finding));
    return named;
  }

  std::array<Counts, kReportFindings> count(const std::vector<std::uint32_t>& weights) const {
    std::array<Counts, kReportFindings> counts;
    for (std::size_t record = 0; record < truth_.size(); ++record) {
      if (weights[record] == 0) continue;
      for (std::size_t f = 0; f < kReportFindings; ++f) {
        counts[f].truth += truth_[record][f] ? weights[record] : 0;
        counts[f].generated += generated_[record][f] ? weights[record] : 0;
        counts[f].both += truth_[record][f] && generated_[record][f] ? weights[record] : 0;
      }
    }
    return counts;
  }

  std::vector<Named> truth_, generated_;
  std::array<Counts, kReportFindings> counts_;
  Measured whole_{};
};

using Pick = std::function<const Figures&(const Measured&)>;

PrecisionRecall with_intervals(const Measured& whole, const std::vector<Measured>& resampled, double confidence,
                               const Pick& pick) {
  std::array<Estimate, kFigures> estimates;
  std::vector<double> values(resampled.size());
  for (std::size_t i = 0; i < kFigures; ++i) {
    for (std::size_t r = 0; r < resampled.size(); ++r) values[r] = pick(resampled[r])[i];
    estimates[i] = percentile_interval(pick(whole)[i], values, confidence);
  }
  return {estimates[kF1], estimates[kPrecision], estimates[kRecall]};
}

using Measure = std::function<Measured(const std::vector<std::uint32_t>&)>;

std::vector<Measured> resample(std::size_t reports, const BootstrapOptions& options, const Measure& measure) {
  check_options(options);
  std::vector<Measured> resampled(static_cast<std::size_t>(options.resamples));
  parallel_for(resampled.size(), options.threads,
               [&](std::size_t r) { resampled[r] = measure(resampled_records(reports, options.seed, r)); });
  return resampled;
}

const Figures& micro_of(const Measured& measured) {
  return measured.micro;
}
const Figures& macro_of(const Measured& measured) {
  return measured.macro;
}

}  // namespace

FindingScores score_findings(const std::vector<ReportFindings>& truth, const std::vector<ReportFindings>& generated,
                             const FindingScoreOptions& options) {
  const Comparison comparison(truth, generated, options.present_only);
  const std::vector<Measured> resampled =
      resample(comparison.reports(), options.bootstrap,
               [&](const std::vector<std::uint32_t>& weights) { return comparison.measure(weights); });
  const auto intervals = [&](const Pick& pick) {
    return with_intervals(comparison.whole(), resampled, options.bootstrap.confidence, pick);
  };

  FindingScores scores;
  scores.reports = comparison.reports();
  scores.micro = intervals(micro_of);
  scores.macro = intervals(macro_of);
  for (const ReportFindingInfo& row : report_finding_table()) {
    const auto f = static_cast<std::size_t>(row.finding);
    const Counts& counts = comparison.counts()[f];
    if (counts.truth + counts.generated == 0) continue;
    FindingScore score;
    score.finding = row.finding;
    score.true_reports = static_cast<std::size_t>(counts.truth);
    score.generated_reports = static_cast<std::size_t>(counts.generated);
    score.both = static_cast<std::size_t>(counts.both);
    score.score = intervals([f](const Measured& measured) -> const Figures& { return measured.findings[f]; });
    scores.findings.push_back(score);
  }
  return scores;
}

double micro_f1(const std::vector<ReportFindings>& truth, const std::vector<ReportFindings>& generated) {
  return Comparison(truth, generated, false).whole().micro[0];
}

FindingDifference finding_score_difference(const std::vector<ReportFindings>& truth,
                                           const std::vector<ReportFindings>& a, const std::vector<ReportFindings>& b,
                                           const FindingScoreOptions& options) {
  const Comparison first(truth, a, options.present_only), second(truth, b, options.present_only);
  const Measure difference = [&](const std::vector<std::uint32_t>& weights) {
    Measured measured = first.measure(weights);
    const Measured other = second.measure(weights);
    for (std::size_t i = 0; i < kFigures; ++i) {
      measured.micro[i] -= other.micro[i];
      measured.macro[i] -= other.macro[i];
    }
    return measured;
  };
  const std::vector<Measured> resampled = resample(first.reports(), options.bootstrap, difference);
  const Measured whole = difference(std::vector<std::uint32_t>(first.reports(), 1));
  const double confidence = options.bootstrap.confidence;
  return {with_intervals(whole, resampled, confidence, micro_of),
          with_intervals(whole, resampled, confidence, macro_of)};
}

std::vector<ReportFindings> extract_findings(const FindingExtractor& extractor, const std::vector<std::string>& reports,
                                             int threads) {
  std::vector<ReportFindings> findings(reports.size());
  parallel_for(reports.size(), threads, [&](std::size_t i) { findings[i] = extractor.extract(reports[i]); });
  return findings;
}

}  // namespace deri
