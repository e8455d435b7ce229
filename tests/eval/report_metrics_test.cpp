#include "deri/eval/report_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/json.hpp"
#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Reports {
  std::vector<std::string> references, generated;
};

const Json& figures() {
  static const Json all = load_json(testing::parity_dir() / "metrics_parity.json");
  return all;
}

Reports figure_reports() {
  Reports reports;
  for (const Json& pair : figures().at("report_metrics")) {
    reports.references.push_back(pair.at("reference"));
    reports.generated.push_back(pair.at("generated"));
  }
  return reports;
}

std::array<double, kBleuOrders> sentence_bleu(std::string_view reference, std::string_view generated) {
  return bleu(bleu_counts(report_words(reference), report_words(generated)));
}

// Reports in which words of the true one are left out, doubled or inflected.
Reports noisy_reports(std::size_t count, double loss, std::uint64_t seed) {
  const std::vector<std::string> words{"sinus",    "rhythm",    "t",        "waves",   "are", "inverted", "in",
                                       "block",    "depressed", "ischemia", "infarct", "old", "possible", "left",
                                       "anterior", "lateral",   "axis",     "normal",  "ecg", "deviation"};
  Rng rng(seed);
  Reports reports;
  for (std::size_t i = 0; i < count; ++i) {
    std::string reference, generated;
    for (std::uint64_t n = 3 + rng.below(20); n > 0; --n) {
      const std::string& word = rng.pick(words);
      reference += word + " ";
      if (!rng.chance(loss)) generated += (rng.chance(0.2) ? rng.pick(words) : word) + (rng.chance(0.1) ? "s " : " ");
    }
    reports.references.push_back(reference);
    reports.generated.push_back(generated);
  }
  return reports;
}

TEST(ReportMetrics, EqualsTheReferenceFigures) {
  std::size_t pairs = 0;
  for (const Json& pair : figures().at("report_metrics")) {
    const std::string reference = pair.at("reference"), generated = pair.at("generated");
    const std::array<double, kBleuOrders> scores = sentence_bleu(reference, generated);
    for (std::size_t n = 0; n < kBleuOrders; ++n)
      EXPECT_NEAR(scores[n], pair.at(fmt::format("sentence_bleu{}", n + 1)).get<double>(), 1e-12) << generated;
    EXPECT_NEAR(rouge_l(reference, generated), pair.at("rougeL_f").get<double>(), 1e-12) << generated;
    EXPECT_EQ(rouge_words(reference), pair.at("stems").get<std::vector<std::string>>());
    ++pairs;
  }
  EXPECT_EQ(pairs, 6U);

  const Reports reports = figure_reports();
  const ReportScores scores = score_reports({reports.references, reports.generated}, {.resamples = 50});
  EXPECT_NEAR(scores.corpus_bleu[3].value, figures().at("corpus_bleu4").get<double>(), 1e-12);
  EXPECT_EQ(scores.reports, 6U);
}

// Computed by NLTK 3.8: corpus_bleu with these weights, and single_meteor_score with an empty WordNet.
TEST(ReportMetrics, EqualsNltk) {
  Reports reports = figure_reports();
  const ReportScores scores = score_reports({reports.references, reports.generated}, {.resamples = 1});
  constexpr double kCorpus[] = {0.5619834986488323, 0.49935047758461626, 0.45621549436498304, 0.4008096212548745};
  for (std::size_t n = 0; n < kBleuOrders; ++n) EXPECT_NEAR(scores.corpus_bleu[n].value, kCorpus[n], 1e-12);

  reports.references.push_back("t waves are inverted in v4,5,6. st segments are depressed in v5,6.");
  reports.generated.push_back("st segments are depressed in v5,6. t wave inversion in v4,5,6.");
  reports.references.push_back("Premature ventricular contractions. Sinus rhythm.");
  reports.generated.push_back("premature ventricular contraction. sinus tachycardia.");
  constexpr double kMeteor[] = {0.9921875,          0.8412698412698414,  0.6049127640036731, 0.0,
                                0.3846153846153847, 0.43725490196078437, 0.7495798319327732, 0.5111111111111111};
  for (std::size_t i = 0; i < std::size(kMeteor); ++i)
    EXPECT_NEAR(meteor(reports.references[i], reports.generated[i]), kMeteor[i], 1e-12) << reports.generated[i];
}

TEST(ReportMetrics, BleuByHand) {
  // 3 of 4 words, 1 of 3 pairs ("a b"), no triple of 2, no quadruple of 1; the reference has 5 words.
  const std::array<double, kBleuOrders> scores = sentence_bleu("a b c d e", "a b x d");
  const double penalty = std::exp(1 - 5.0 / 4);
  EXPECT_NEAR(scores[0], penalty * 3 / 4, 1e-15);
  EXPECT_NEAR(scores[1], penalty * std::sqrt(3.0 / 4 * 1 / 3), 1e-15);
  EXPECT_NEAR(scores[2], penalty * std::pow(3.0 / 4 * 1 / 3 * 0.1 / 2, 0.33), 1e-15);
  EXPECT_NEAR(scores[3], penalty * std::pow(3.0 / 4 * 1 / 3 * 0.1 / 2 * 0.1 / 1, 0.25), 1e-15);
  // A word counts as often as the reference has it.
  EXPECT_NEAR(sentence_bleu("the cat", "the the the the")[0], 0.25, 1e-15);
  EXPECT_EQ(sentence_bleu("", "a")[0], 0);
  EXPECT_EQ(sentence_bleu("a", "")[0], 0);
}

TEST(ReportMetrics, MeteorByHand) {
  // Exact: b, d. By stem: waves. Matches 3 in two chunks (d | b waves); precision 3/4, recall 3/5.
  const double mean = 0.75 * 0.6 / (0.9 * 0.75 + 0.1 * 0.6);
  EXPECT_NEAR(meteor("a b wave d e", "d b waves x"), (1 - 0.5 * std::pow(2.0 / 3, 3)) * mean, 1e-15);
  EXPECT_NEAR(meteor("sinus rhythm", "Sinus Rhythm"), 1 - 0.5 / 8, 1e-15);
  // The last "a" of the generated text takes the last one of the reference: two chunks, though one were possible.
  EXPECT_NEAR(meteor("a b a", "a b"), (1 - 0.5) * (1 * 2.0 / 3) / (0.9 + 0.1 * 2 / 3), 1e-15);
}

TEST(ReportMetrics, RougeByHand) {
  EXPECT_THAT(rouge_words("ST-T changes, V1\u2013V3; naïve"), ElementsAre("st", "t", "chang", "v1", "v3", "na", "ve"));
  EXPECT_NEAR(rouge_l("a b c d", "a c x"), 2 * (2.0 / 3) * (2.0 / 4) / (2.0 / 3 + 2.0 / 4), 1e-15);
  EXPECT_EQ(rouge_l("inverted waves", "wave"), 2.0 / 3);
  EXPECT_EQ(rouge_l("...", "a"), 0);
}

TEST(ReportMetrics, CiderByHand) {
  // Two reports without a common word: every n-gram of a reference weighs log 2, as does one that none has. "a b" for
  // "a b": unigrams and bigrams are the same, orders 3 and 4 are empty. "c x" for "c d": one unigram of two, no bigram.
  const std::vector<double> apart = cider_d({"a b", "c d"}, {"a b", "c x"});
  EXPECT_NEAR(apart[0], 10 * 2.0 / 4, 1e-12);
  EXPECT_NEAR(apart[1], 10 * 0.5 / 4, 1e-12);
  // What every reference has weighs nothing. "b b" is clipped to one "b": 1 / (2 * 1) of the unigrams.
  EXPECT_NEAR(cider_d({"a b", "a c"}, {"a", "a c"})[0], 0, 1e-12);
  EXPECT_NEAR(cider_d({"b", "c"}, {"b b", "c"})[0], 10 * 0.5 / 4 * std::exp(-1.0 / 72), 1e-12);
  EXPECT_EQ(cider_d({"a b c d"}, {"a b c d"})[0], 0);

  // Eight pairs, by the definition in Python.
  Reports reports = figure_reports();
  reports.references.push_back("t waves are inverted in v4,5,6. st segments are depressed in v5,6.");
  reports.generated.push_back("st segments are depressed in v5,6. t wave inversion in v4,5,6.");
  reports.references.push_back("Premature ventricular contractions. Sinus rhythm.");
  reports.generated.push_back("premature ventricular contraction. sinus tachycardia.");
  constexpr double kCider[] = {10.0,
                               6.562783742335254,
                               4.673745457485648,
                               0.0,
                               1.3302731898758804,
                               2.5462950945747096,
                               5.30002203251959,
                               0.29423455096797196};
  const std::vector<double> scores = cider_d(reports.references, reports.generated);
  for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], kCider[i], 1e-11) << i;
}

TEST(ReportMetrics, SplitsWordsAtUnicodeWhiteSpace) {
  EXPECT_THAT(report_words(" a\u00a0b\n\tc.\u2003d "), ElementsAre("a", "b", "c.", "d"));
  EXPECT_THAT(report_words(" \n"), IsEmpty());
  EXPECT_THAT(report_words("a\xff"), ElementsAre("a\uFFFD"));
}

TEST(ReportMetrics, IntervalsHoldTheValueAndDoNotDependOnThreads) {
  const Reports reports = noisy_reports(300, 0.2, 5);
  const ReportMetrics metrics(reports.references, reports.generated);
  const ReportScores one = score_reports(metrics, {.resamples = 300, .seed = 4, .threads = 1});
  const ReportScores many = score_reports(metrics, {.resamples = 300, .seed = 4, .threads = 3});
  for (const auto& [a, b] : {std::pair{one.corpus_bleu[3], many.corpus_bleu[3]},
                             {one.sentence_bleu[0], many.sentence_bleu[0]},
                             {one.rouge_l, many.rouge_l},
                             {one.meteor, many.meteor},
                             {one.cider_d, many.cider_d}}) {
    EXPECT_LT(a.low, a.value);
    EXPECT_LT(a.value, a.high);
    EXPECT_EQ(a.low, b.low);
    EXPECT_EQ(a.high, b.high);
  }
}

// The percentile interval of a mean is about 1.96 standard errors wide on either side.
TEST(ReportMetrics, IntervalsAreAsWideAsStandardErrorsSay) {
  const Reports reports = noisy_reports(400, 0.3, 6);
  const ReportMetrics metrics(reports.references, reports.generated);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < metrics.reports(); ++i) {
    const double value = metrics.pair(i)[2 * kBleuOrders];
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(metrics.reports());
  const double error = std::sqrt((squares - sum * sum / n) / (n - 1) / n);
  const Estimate rouge = score_reports(metrics, {.resamples = 2000, .seed = 1}).rouge_l;
  EXPECT_NEAR(rouge.value, sum / n, 1e-12);
  EXPECT_NEAR(rouge.high - rouge.low, 2 * 1.96 * error, 0.2 * error);
}

TEST(ReportMetrics, AWeightedRecordIsARepeatedOne) {
  const Reports once{{"a b c d", "e f"}, {"a b d", "e g"}};
  const Reports repeated{{"a b c d", "a b c d", "e f"}, {"a b d", "a b d", "e g"}};
  const ReportMetrics::Values weighted = ReportMetrics(once.references, once.generated).measure({2, 1});
  const ReportMetrics::Values plain = ReportMetrics(repeated.references, repeated.generated).measure({1, 1, 1});
  for (std::size_t m = 0; m + 1 < weighted.size(); ++m) EXPECT_NEAR(weighted[m], plain[m], 1e-12) << m;
}

TEST(ReportMetrics, DifferencesArePaired) {
  const Reports better = noisy_reports(300, 0.1, 8), worse = noisy_reports(300, 0.4, 9);
  const ReportMetrics a(better.references, better.generated), b(worse.references, worse.generated);
  const ReportScores same = report_score_difference(a, a, {.resamples = 50});
  EXPECT_EQ(same.meteor.value, 0);
  EXPECT_EQ(same.corpus_bleu[1].low, 0);
  EXPECT_EQ(same.corpus_bleu[1].high, 0);
  const ReportScores difference = report_score_difference(a, b, {.resamples = 200});
  EXPECT_GT(difference.rouge_l.low, 0);
  EXPECT_GT(difference.corpus_bleu[3].low, 0);
  EXPECT_NEAR(difference.cider_d.value,
              score_reports(a, {.resamples = 1}).cider_d.value - score_reports(b, {.resamples = 1}).cider_d.value,
              1e-12);
}

TEST(ReportMetrics, RefusesWhatCannotBeScored) {
  EXPECT_DERI_ERROR(ReportMetrics({"a"}, {"a", "b"}), HasSubstr("2 generated reports cannot be compared with 1"));
  EXPECT_DERI_ERROR(ReportMetrics({}, {}), HasSubstr("no reports to score"));
  const ReportMetrics one({"a"}, {"a"}), two({"a", "b"}, {"", ""});
  EXPECT_DERI_ERROR(score_reports(one, {.resamples = 0}), HasSubstr("at least 1 resample"));
  EXPECT_DERI_ERROR(report_score_difference(one, two), HasSubstr("same records"));
  EXPECT_EQ(score_reports(two, {.resamples = 10}).sentence_bleu[0].value, 0);  // empty reports score 0
}

}  // namespace
}  // namespace deri
