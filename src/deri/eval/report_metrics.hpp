#pragma once
// Word overlap of generated reports with the true ones, each number as the tool that published figures come from
// computes it. One reference per report. Tokens are what white space separates, as published, so "block" and "block."
// differ; ROUGE-L alone has a tokenizer of its own.
//
//   BLEU-n      NLTK: clipped n-gram precisions up to n with smoothing method 1 (a count of 0 becomes 0.1), no match of
//               a single word is 0; brevity penalty exp(1 - r/c). Weights 1/n, but 0.33 each for BLEU-3, as published.
//               "Sentence": the mean over reports, which the published tables have. "Corpus": counts and lengths of
//               all reports added up first, as BLEU was defined.
//   ROUGE-L     rouge_score's F with stems: lower case, runs of a-z and 0-9, words of more than three letters stemmed,
//               F1 of the longest common subsequence. Mean over reports.
//   METEOR      NLTK's with its exact and stem stages, without WordNet synonyms (no dictionary is shipped): alpha 0.9,
//               beta 3, gamma 0.5. Words are aligned greedily as NLTK does, from the last generated word to the first,
//               each with the last free equal word of the reference; for words that recur this is not always the
//               alignment with the fewest crossings that the paper asks for. Mean over reports.
//   CIDEr-D     pycocoevalcap's: n-grams to 4 weighted by log(reports / references that have it), clipped cosine,
//               length penalty with sigma 6 over the number of bigrams, times 10. Document frequencies come from the
//               references and are held fixed in the bootstrap. With one report every weight is log 1 = 0.
//
// Texts are UTF-8; those that differ only in letter case are the caller's to fold (METEOR and ROUGE-L do it
// themselves).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deri/eval/bootstrap.hpp"

namespace deri {

inline constexpr std::size_t kBleuOrders = 4;

// Tokens at white space, as Python's str.split().
std::vector<std::string> report_words(std::string_view text);
// rouge_score's tokens, stemmed.
std::vector<std::string> rouge_words(std::string_view text);

// What BLEU needs of one pair. Counts of several pairs add up to those of a corpus.
struct BleuCounts {
  std::array<double, kBleuOrders> matches{};  // clipped n-gram matches
  std::array<double, kBleuOrders> ngrams{};   // n-grams of the generated text, at least 1 per text (as NLTK)
  double generated_words = 0, reference_words = 0;

  void add(const BleuCounts& other, double times);
};

BleuCounts bleu_counts(const std::vector<std::string>& reference, const std::vector<std::string>& generated);
// BLEU-1 .. BLEU-4, in [0, 1].
std::array<double, kBleuOrders> bleu(const BleuCounts& counts);

// F in [0, 1]; 0 if either has no token. Time grows with the product of the lengths, as it does for nothing else here.
double rouge_l(std::string_view reference, std::string_view generated);

// In [0, 1]; 1 is never reached: of n equal words in order it is 1 - 0.5 / n^3.
double meteor(std::string_view reference, std::string_view generated);

// Of each pair, in [0, 10].
std::vector<double> cider_d(const std::vector<std::string>& references, const std::vector<std::string>& generated);

struct ReportScores {
  std::array<Estimate, kBleuOrders> corpus_bleu{}, sentence_bleu{};
  Estimate rouge_l{}, meteor{}, cider_d{};
  std::size_t reports = 0;
};

// A set of generated reports, every pair measured once.
class ReportMetrics {
 public:
  // generated[i] is for the record of references[i]. Throws Error if the two differ in number or there are none.
  ReportMetrics(const std::vector<std::string>& references, const std::vector<std::string>& generated);

  // Corpus BLEU-1..4, mean sentence BLEU-1..4, ROUGE-L, METEOR, CIDEr-D.
  static constexpr std::size_t kMetrics = 2 * kBleuOrders + 3;
  using Values = std::array<double, kMetrics>;
  // Of the records counted weights[record] times each.
  Values measure(const std::vector<std::uint32_t>& weights) const;

  std::size_t reports() const { return pairs_.size(); }
  // Of one pair: what the means are made of. CIDEr-D with document frequencies of the whole set. Corpus BLEU of one
  // pair is its sentence BLEU.
  Values pair(std::size_t record) const;

 private:
  struct Pair {
    BleuCounts counts;
    std::array<double, kBleuOrders> bleu{};
    double rouge_l = 0, meteor = 0, cider_d = 0;
  };
  std::vector<Pair> pairs_;
};

// Values with percentile intervals over resampled records. Throws Error for options that make no sense.
ReportScores score_reports(const ReportMetrics& metrics, const BootstrapOptions& options = {});

// a minus b on the same records and the same resamples: an interval above 0 says that `a` is better. Throws Error if
// they differ in number.
ReportScores report_score_difference(const ReportMetrics& a, const ReportMetrics& b,
                                     const BootstrapOptions& options = {});

}  // namespace deri
