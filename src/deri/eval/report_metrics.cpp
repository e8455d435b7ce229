#include "deri/eval/report_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/eval/parallel.hpp"
#include "deri/text/porter_stemmer.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

using Words = std::vector<std::string>;

// Words as numbers, so that an n-gram is a short string of them.
class Numbering {
 public:
  std::u32string of(const Words& words) {
    std::u32string numbers;
    numbers.reserve(words.size());
    for (const std::string& word : words)
      numbers += static_cast<char32_t>(numbers_.try_emplace(word, numbers_.size()).first->second);
    return numbers;
  }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
};

using NgramCounts = std::unordered_map<std::u32string, double>;

NgramCounts count_ngrams(const std::u32string& words, std::size_t n) {
  NgramCounts counts;
  for (std::size_t i = 0; i + n <= words.size(); ++i) ++counts[words.substr(i, n)];
  return counts;
}

std::u32string folded(std::string_view text) {
  return to_lower(decode_utf8(text));
}

Words split_at_white_space(const std::u32string& text) {
  Words words;
  std::u32string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(encode_utf8(word));
    word.clear();
  };
  for (const char32_t c : text) {
    if (is_white_space(c))
      end_word();
    else
      word += c;
  }
  end_word();
  return words;
}

std::size_t longest_common_subsequence(const Words& a, const Words& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

constexpr std::size_t kFree = static_cast<std::size_t>(-1);

// Aligns free words that are equal, generated words from the last to the first, each with the last free one of the
// reference. alignment[generated] becomes the position in the reference.
void align_equal(const Words& reference, const Words& generated, std::vector<bool>& taken,
                 std::vector<std::size_t>& alignment) {
  std::map<std::string_view, std::vector<std::size_t>> positions;  // rising
  for (std::size_t j = 0; j < reference.size(); ++j)
    if (!taken[j]) positions[reference[j]].push_back(j);
  for (std::size_t i = generated.size(); i-- > 0;) {
    if (alignment[i] != kFree) continue;
    const auto found = positions.find(generated[i]);
    if (found == positions.end() || found->second.empty()) continue;
    alignment[i] = found->second.back();
    taken[alignment[i]] = true;
    found->second.pop_back();
  }
}

Words stems_of(Words words) {
  for (std::string& word : words) word = porter_stem(word);
  return words;
}

// The tf-idf vectors of one text, one per order.
struct CiderVectors {
  std::array<NgramCounts, kBleuOrders> weights;
  std::array<double, kBleuOrders> norms{};
  double bigrams = 0;
};

class CiderD {
 public:
  explicit CiderD(const std::vector<std::u32string>& references)
      : log_documents_(std::log(static_cast<double>(references.size()))) {
    for (const std::u32string& reference : references)
      for (std::size_t n = 1; n <= kBleuOrders; ++n)
        for (const auto& [ngram, count] : count_ngrams(reference, n)) ++documents_[ngram];
  }

  double score(const std::u32string& reference, const std::u32string& generated) const {
    const CiderVectors truth = vectors(reference), made = vectors(generated);
    double sum = 0;
    for (std::size_t n = 0; n < kBleuOrders; ++n) sum += similarity(truth, made, n);
    const double longer = made.bigrams - truth.bigrams;
    constexpr double kSigma = 6;
    return 10 * sum / kBleuOrders * std::exp(-longer * longer / (2 * kSigma * kSigma));
  }

 private:
  CiderVectors vectors(const std::u32string& words) const {
    CiderVectors result;
    for (std::size_t n = 0; n < kBleuOrders; ++n) {
      result.weights[n] = count_ngrams(words, n + 1);
      double squares = 0;
      for (auto& [ngram, weight] : result.weights[n]) {
        if (n == 1) result.bigrams += weight;
        weight *= rarity(ngram);
        squares += weight * weight;
      }
      result.norms[n] = std::sqrt(squares);
    }
    return result;
  }

  double rarity(const std::u32string& ngram) const {
    const auto found = documents_.find(ngram);
    return log_documents_ - (found == documents_.end() ? 0 : std::log(found->second));
  }

  static double similarity(const CiderVectors& truth, const CiderVectors& made, std::size_t n) {
    double product = 0;
    for (const auto& [ngram, weight] : made.weights[n]) {
      const auto found = truth.weights[n].find(ngram);
      if (found != truth.weights[n].end()) product += std::min(weight, found->second) * found->second;
    }
    const double norms = made.norms[n] * truth.norms[n];
    return norms > 0 ? product / norms : 0;
  }

  NgramCounts documents_;
  double log_documents_;
};

void check_pairs(const std::vector<std::string>& references, const std::vector<std::string>& generated) {
  if (references.size() != generated.size())
    fail("{} generated reports cannot be compared with {} true ones: give one for each", generated.size(),
         references.size());
  if (references.empty()) fail("there are no reports to score");
}

ReportScores named(const std::array<Estimate, ReportMetrics::kMetrics>& of, std::size_t reports) {
  ReportScores scores;
  std::copy_n(of.begin(), kBleuOrders, scores.corpus_bleu.begin());
  std::copy_n(of.begin() + kBleuOrders, kBleuOrders, scores.sentence_bleu.begin());
  scores.rouge_l = of[2 * kBleuOrders];
  scores.meteor = of[2 * kBleuOrders + 1];
  scores.cider_d = of[2 * kBleuOrders + 2];
  scores.reports = reports;
  return scores;
}

using Measure = std::function<ReportMetrics::Values(const std::vector<std::uint32_t>&)>;

ReportScores with_intervals(const Measure& measure, std::size_t reports, const BootstrapOptions& options) {
  check_options(options);
  std::vector<ReportMetrics::Values> resampled(static_cast<std::size_t>(options.resamples));
  parallel_for(resampled.size(), options.threads,
               [&](std::size_t r) { resampled[r] = measure(resampled_records(reports, options.seed, r)); });
  const ReportMetrics::Values whole = measure(std::vector<std::uint32_t>(reports, 1));
  std::array<Estimate, ReportMetrics::kMetrics> estimates;
  std::vector<double> values(resampled.size());
  for (std::size_t m = 0; m < estimates.size(); ++m) {
    for (std::size_t r = 0; r < resampled.size(); ++r) values[r] = resampled[r][m];
    estimates[m] = percentile_interval(whole[m], values, options.confidence);
  }
  return named(estimates, reports);
}

}  // namespace

std::vector<std::string> report_words(std::string_view text) {
  return split_at_white_space(decode_utf8(text));
}

std::vector<std::string> rouge_words(std::string_view text) {
  std::u32string letters = folded(text);
  for (char32_t& c : letters)
    if (!((c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9'))) c = U' ';
  Words words = split_at_white_space(letters);
  for (std::string& word : words)
    if (word.size() > 3) word = porter_stem(word);
  return words;
}

void BleuCounts::add(const BleuCounts& other, double times) {
  for (std::size_t n = 0; n < kBleuOrders; ++n) {
    matches[n] += times * other.matches[n];
    ngrams[n] += times * other.ngrams[n];
  }
  generated_words += times * other.generated_words;
  reference_words += times * other.reference_words;
}

BleuCounts bleu_counts(const Words& reference, const Words& generated) {
  Numbering numbering;
  const std::u32string truth = numbering.of(reference), made = numbering.of(generated);
  BleuCounts counts;
  counts.generated_words = static_cast<double>(generated.size());
  counts.reference_words = static_cast<double>(reference.size());
  for (std::size_t n = 0; n < kBleuOrders; ++n) {
    const NgramCounts limits = count_ngrams(truth, n + 1);
    for (const auto& [ngram, count] : count_ngrams(made, n + 1)) {
      counts.ngrams[n] += count;
      const auto limit = limits.find(ngram);
      if (limit != limits.end()) counts.matches[n] += std::min(count, limit->second);
    }
    counts.ngrams[n] = std::max(counts.ngrams[n], 1.0);
  }
  return counts;
}

std::array<double, kBleuOrders> bleu(const BleuCounts& counts) {
  constexpr std::array<double, kBleuOrders> kWeights{1, 0.5, 0.33, 0.25};
  constexpr double kSmoothing = 0.1;
  std::array<double, kBleuOrders> scores{};
  if (counts.matches[0] == 0) return scores;
  const double penalty = counts.generated_words > counts.reference_words
                             ? 1
                             : std::exp(1 - counts.reference_words / counts.generated_words);
  double logarithms = 0;
  for (std::size_t n = 0; n < kBleuOrders; ++n) {
    logarithms += std::log((counts.matches[n] == 0 ? kSmoothing : counts.matches[n]) / counts.ngrams[n]);
    scores[n] = penalty * std::exp(kWeights[n] * logarithms);
  }
  return scores;
}

double rouge_l(std::string_view reference, std::string_view generated) {
  const Words truth = rouge_words(reference), made = rouge_words(generated);
  if (truth.empty() || made.empty()) return 0;
  const auto common = static_cast<double>(longest_common_subsequence(truth, made));
  return 2 * common / static_cast<double>(truth.size() + made.size());
}

double meteor(std::string_view reference, std::string_view generated) {
  const Words truth = split_at_white_space(folded(reference)), made = split_at_white_space(folded(generated));
  std::vector<bool> taken(truth.size(), false);
  std::vector<std::size_t> alignment(made.size(), kFree);
  align_equal(truth, made, taken, alignment);
  align_equal(stems_of(truth), stems_of(made), taken, alignment);

  double matches = 0, chunks = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (alignment[i] == kFree) continue;
    ++matches;
    const bool goes_on = i > 0 && alignment[i - 1] != kFree && alignment[i] == alignment[i - 1] + 1;
    chunks += goes_on ? 0 : 1;
  }
  if (matches == 0) return 0;
  constexpr double kAlpha = 0.9, kBeta = 3, kGamma = 0.5;
  const double precision = matches / static_cast<double>(made.size());
  const double recall = matches / static_cast<double>(truth.size());
  const double mean = precision * recall / (kAlpha * precision + (1 - kAlpha) * recall);
  return (1 - kGamma * std::pow(chunks / matches, kBeta)) * mean;
}

std::vector<double> cider_d(const std::vector<std::string>& references, const std::vector<std::string>& generated) {
  check_pairs(references, generated);
  Numbering numbering;
  std::vector<std::u32string> truths;
  truths.reserve(references.size());
  for (const std::string& reference : references) truths.push_back(numbering.of(report_words(reference)));
  const CiderD metric(truths);
  std::vector<double> scores(references.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    scores[i] = metric.score(truths[i], numbering.of(report_words(generated[i])));
  return scores;
}

ReportMetrics::ReportMetrics(const std::vector<std::string>& references, const std::vector<std::string>& generated) {
  const std::vector<double> ciders = cider_d(references, generated);
  pairs_.resize(references.size());
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    Pair& pair = pairs_[i];
    pair.counts = bleu_counts(report_words(references[i]), report_words(generated[i]));
    pair.bleu = deri::bleu(pair.counts);
    pair.rouge_l = deri::rouge_l(references[i], generated[i]);
    pair.meteor = deri::meteor(references[i], generated[i]);
    pair.cider_d = ciders[i];
  }
}

ReportMetrics::Values ReportMetrics::measure(const std::vector<std::uint32_t>& weights) const {
  DERI_CHECK(weights.size() == pairs_.size());
  BleuCounts corpus;
  Values sums{};
  double total = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (weights[i] == 0) continue;
    const Pair& pair = pairs_[i];
    const double weight = weights[i];
    total += weight;
    corpus.add(pair.counts, weight);
    for (std::size_t n = 0; n < kBleuOrders; ++n) sums[kBleuOrders + n] += weight * pair.bleu[n];
    sums[2 * kBleuOrders] += weight * pair.rouge_l;
    sums[2 * kBleuOrders + 1] += weight * pair.meteor;
    sums[2 * kBleuOrders + 2] += weight * pair.cider_d;
  }
  DERI_CHECK(total > 0);
  for (double& sum : sums) sum /= total;
  const std::array<double, kBleuOrders> corpus_bleu = deri::bleu(corpus);
  std::copy(corpus_bleu.begin(), corpus_bleu.end(), sums.begin());
  return sums;
}

ReportMetrics::Values ReportMetrics::pair(std::size_t record) const {
  std::vector<std::uint32_t> only(pairs_.size(), 0);
  only.at(record) = 1;
  return measure(only);
}

ReportScores score_reports(const ReportMetrics& metrics, const BootstrapOptions& options) {
  return with_intervals([&](const std::vector<std::uint32_t>& weights) { return metrics.measure(weights); },
                        metrics.reports(), options);
}

ReportScores report_score_difference(const ReportMetrics& a, const ReportMetrics& b, const BootstrapOptions& options) {
  if (a.reports() != b.reports())
    fail("a paired difference needs reports for the same records, not {} and {}", a.reports(), b.reports());
  const Measure difference = [&](const std::vector<std::uint32_t>& weights) {
    ReportMetrics::Values values = a.measure(weights);
    const ReportMetrics::Values others = b.measure(weights);
    for (std::size_t m = 0; m < values.size(); ++m) values[m] -= others[m];
    return values;
  };
  return with_intervals(difference, a.reports(), options);
}

}  // namespace deri
