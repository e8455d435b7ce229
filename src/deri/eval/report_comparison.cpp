#include "deri/eval/report_comparison.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

// What is made of one system's texts once, for its scores and its differences.
struct MeasuredSystem {
  ReportMetrics metrics;
  std::vector<ReportFindings> findings;
};

void check_count(std::size_t given, std::size_t records, const char* what, const std::string& of) {
  if (given != records) fail("{} has {} {} for {} records: give one for each", of, given, what, records);
}

void check_system(const ReportSystem& system, std::size_t records, bool judged) {
  const std::string name = fmt::format("the system '{}'", shown(system.name));
  check_count(system.texts.size(), records, "reports", name);
  if (!system.english_texts.empty()) check_count(system.english_texts.size(), records, "English reports", name);
  if (system.classes.empty()) return;
  check_count(system.classes.size(), records, "classes", name);
  if (!judged) fail("{} has classes, and the true reports have none: let the same judge give both", name);
}

void check_systems(const std::vector<ReportSystem>& systems, std::size_t records, bool judged) {
  if (systems.empty()) fail("there is no system to score");
  std::set<std::string> names;
  for (const ReportSystem& system : systems) {
    check_system(system, records, judged);
    if (!names.insert(system.name).second)
      fail("two systems are called '{}': give each a name of its own", shown(system.name));
  }
}

double mean_words_of(const std::vector<std::string>& texts) {
  double words = 0;
  for (const std::string& text : texts) words += static_cast<double>(report_words(text).size());
  return words / static_cast<double>(texts.size());
}

std::size_t distinct_of(const std::vector<std::string>& texts) {
  return std::set<std::string>(texts.begin(), texts.end()).size();
}

const std::vector<std::string>& english_of(const std::vector<std::string>& english,
                                           const std::vector<std::string>& texts) {
  return english.empty() ? texts : english;
}

}  // namespace

ReportComparison compare_report_systems(const std::vector<std::string>& truth,
                                        const std::vector<std::string>& english_truth,
                                        const std::vector<int>& truth_classes, int classes,
                                        const std::vector<ReportSystem>& systems, const FindingScoreOptions& options) {
  if (truth.empty()) fail("there are no reports to score");
  if (!english_truth.empty()) check_count(english_truth.size(), truth.size(), "reports", "the English truth");
  if (!truth_classes.empty()) check_count(truth_classes.size(), truth.size(), "classes", "the truth");
  check_systems(systems, truth.size(), !truth_classes.empty());

  const BootstrapOptions& bootstrap = options.bootstrap;
  const FindingExtractor extractor;
  const auto findings_of = [&](const std::vector<std::string>& texts) {
    return extract_findings(extractor, texts, bootstrap.threads);
  };
  const std::vector<ReportFindings> true_findings = findings_of(english_of(english_truth, truth));
  const auto measured = [&](const ReportSystem& system) {
    return MeasuredSystem{{truth, system.texts}, findings_of(english_of(system.english_texts, system.texts))};
  };

  ReportComparison comparison{{}, {}, truth.size(), mean_words_of(truth), distinct_of(truth), options};
  const ReportSystem& judged = systems.front();
  const MeasuredSystem first = measured(judged);
  for (const ReportSystem& system : systems) {
    const bool is_first = &system == &judged;
    const MeasuredSystem own = is_first ? first : measured(system);
    ReportSystemScores scores{system.name,
                              score_reports(own.metrics, bootstrap),
                              score_findings(true_findings, own.findings, options),
                              std::nullopt,
                              system.label_sets,
                              mean_words_of(system.texts),
                              distinct_of(system.texts)};
    if (!system.classes.empty()) scores.agreement = class_agreement(truth_classes, system.classes, classes, bootstrap);
    comparison.systems.push_back(std::move(scores));
    if (is_first) continue;

    ReportSystemDifference difference{system.name, report_score_difference(first.metrics, own.metrics, bootstrap),
                                      finding_score_difference(true_findings, first.findings, own.findings, options),
                                      std::nullopt};
    if (!judged.classes.empty() && !system.classes.empty())
      difference.agreement =
          class_agreement_difference(truth_classes, judged.classes, system.classes, classes, bootstrap);
    comparison.differences.push_back(std::move(difference));
  }
  return comparison;
}

std::string most_frequent_text(const std::vector<std::string>& training) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& text : training)
    if (!text.empty()) ++counts[text];
  if (counts.empty()) fail("there is no training report: the most frequent one cannot be found");
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first;
}

std::vector<std::string> shuffled_texts(const std::vector<std::string>& texts, std::uint64_t seed) {
  if (texts.size() < 2)
    fail("shuffling needs the reports of two records or more, and here are {}: no other record can have them",
         texts.size());
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(mix_seed(seed, {fnv1a("shuffled texts")}));
  rng.shuffle(order);
  std::vector<std::string> shuffled(texts.size());
  for (std::size_t i = 0; i < order.size(); ++i) shuffled[order[i]] = texts[order[(i + 1) % order.size()]];
  return shuffled;
}

}  // namespace deri
