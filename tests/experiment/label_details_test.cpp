#include "deri/experiment/label_details.hpp"

#include <cmath>
#include <limits>

#include "eval/markup_check.hpp"
#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::markup_error;
using ::testing::Not;
using testing::occurrences;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNasty = "<script>&\"'";

// Label k is positive in one of 2 + k records; scores tell the classes apart by `strength` deviations.
LabelScores made_up(const std::string& model, std::size_t labels, std::size_t records, double strength) {
  LabelScores scores{model, 1, "zs", "zero-shot", "ptbxl", "super", 0, {}};
  Rng rng(fnv1a(model));
  for (std::size_t k = 0; k < labels; ++k) scores.scored.labels.push_back(fmt::format("L{}", k));
  for (std::size_t i = 0; i < records * labels; ++i) {
    const std::size_t record = i / labels, label = i % labels;
    const bool positive = record % (label + 2) == 0;
    scores.scored.targets.push_back(positive ? 1 : 0);
    scores.scored.scores.push_back(rng.normal(positive ? strength : 0, 1));
  }
  return scores;
}

LabelScores as_probabilities(LabelScores scores) {
  scores.scored.probabilities = true;
  for (double& score : scores.scored.scores) score = 1 / (1 + std::exp(-score));
  return scores;
}

std::string page_of(const std::vector<LabelScores>& scores, const std::vector<std::string>& models) {
  HtmlPage page("t");
  for (const ScoreGroup& group : score_groups(scores)) add_label_details(page, group, models);
  const std::string html = page.str();
  EXPECT_EQ(markup_error(html), "");
  return html.substr(html.find("</style>"));
}

TEST(ScoreGroups, KeepTheLargestFractionAndEachModelOnce) {
  std::vector<LabelScores> scores(6, made_up("a", 1, 4, 1));
  scores[1].model = "b";
  for (std::size_t i = 2; i < 6; ++i) scores[i].kind = "probe";
  scores[2].fraction = 0.1;
  scores[3].fraction = 1;
  scores[4] = scores[3];
  scores[4].seed = 2;
  scores[5].fraction = 0.01;
  scores[5].model = "b";
  const std::vector<ScoreGroup> groups = score_groups(scores);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0], (ScoreGroup{&scores[0], &scores[1]}));
  EXPECT_EQ(groups[1], (ScoreGroup{&scores[3]}));
  EXPECT_TRUE(score_groups({}).empty());
}

double area(const std::vector<RocPoint>& points) {
  double sum = 0;
  for (std::size_t i = 1; i < points.size(); ++i)
    sum += (points[i].false_positive_rate - points[i - 1].false_positive_rate) *
           (points[i].true_positive_rate + points[i - 1].true_positive_rate) / 2;
  return sum;
}

TEST(ThinnedRoc, IsShortAndLooksTheSame) {
  const LabelScores scores = made_up("a", 1, 20000, 1);
  const std::vector<RocPoint> all = roc_curve(scores.scored.label_scores(0), scores.scored.label_targets(0));
  const std::vector<RocPoint> thin = thinned_roc(all);
  ASSERT_GT(all.size(), 5000U);
  EXPECT_LE(thin.size(), 200U);
  EXPECT_GE(thin.size(), 20U);
  EXPECT_NEAR(area(thin), area(all), 1e-3);
  EXPECT_EQ(thin.front().true_positive_rate, 0);
  EXPECT_EQ(thin.back().false_positive_rate, 1);
  // Every point that was left out lies near the line between its neighbours that stay.
  std::size_t next = 1;
  for (const RocPoint& point : all) {
    while (thin[next].threshold > point.threshold) ++next;
    const RocPoint &a = thin[next - 1], &b = thin[next];
    const double dx = b.false_positive_rate - a.false_positive_rate, dy = b.true_positive_rate - a.true_positive_rate;
    const double cross = dx * (point.true_positive_rate - a.true_positive_rate) -
                         dy * (point.false_positive_rate - a.false_positive_rate);
    ASSERT_LT(std::abs(cross) / std::hypot(dx, dy), 3e-3);
    if (&point == &all.back()) break;
  }
}

TEST(ThinnedRoc, KeepsWhatHasToBeSeen) {
  const std::vector<RocPoint> corner = {{0, 0, HUGE_VAL}, {0, 1, 2}, {1, 1, 1}};
  EXPECT_EQ(thinned_roc(corner).size(), 3U);
  const std::vector<RocPoint> stairs = {{0, 0, 9}, {0, .5, 8}, {.1, .5, 7}, {.1, .9, 6}, {1, 1, 5}};
  EXPECT_EQ(thinned_roc(stairs).size(), 5U);
  EXPECT_EQ(thinned_roc(stairs, 2).size(), 2U);
  EXPECT_EQ(thinned_roc(stairs, 3)[1].threshold, 6);  // the farthest
  EXPECT_TRUE(thinned_roc({}).empty());
}

TEST(LabelDetails, ShowEveryLabelWithItsPositivesAndAuroc) {
  const LabelScores a = made_up("A", 3, 36, 1), b = made_up("B", 3, 36, 0);
  const std::string html = page_of({a, b}, {"A", "B"});
  EXPECT_THAT(html, AllOf(HasSubstr("<summary>super, zero-shot on ptbxl (zs)</summary>"), HasSubstr(">L0 (18)<"),
                          HasSubstr(">L1 (12)<"), HasSubstr(">L2 (9, rare)<"), HasSubstr("A (seed 1), B (seed 1)"),
                          HasSubstr("fewer than 10 positives"), HasSubstr("L2, 9 positives of 36")));
  for (std::size_t k = 0; k < 3; ++k) {
    const double value = auroc(a.scored.label_scores(k), a.scored.label_targets(k));
    EXPECT_THAT(html, AllOf(HasSubstr(fmt::format(">A {:.3f}<", value)), HasSubstr(fmt::format(">{:.3f}  [", value))));
  }
  EXPECT_THAT(html, HasSubstr("no probabilities"));
  EXPECT_EQ(occurrences(html, ">true positive rate<"), 3U);
  EXPECT_THAT(html, Not(HasSubstr("Reliability")));
}

TEST(LabelDetails, DrawCurvesOfTheSixMostFrequentLabels) {
  const std::string html = page_of({as_probabilities(made_up("A", 8, 90, 1))}, {"A"});
  EXPECT_EQ(occurrences(html, ">true positive rate<"), 6U);
  EXPECT_EQ(occurrences(html, ">share of positives<"), 6U);
  EXPECT_EQ(occurrences(html, "Of 8 labels, the 6 with the most positives and both classes."), 2U);
  EXPECT_THAT(html,
              AllOf(HasSubstr("L5, 13 positives of 90"), Not(HasSubstr("L6, 12 positives")), HasSubstr(">L7 (10)<")));
}

TEST(LabelDetails, MeasureProbabilities) {
  LabelScores scores{"A", 1, "lp", "probe", "ptbxl", "super", 0.1, {{"X", "one class"}, {}, {}, true}};
  for (int i = 0; i < 20; ++i) {
    scores.scored.targets.insert(scores.scored.targets.end(), {static_cast<std::uint8_t>(i % 4 == 0), 0});
    scores.scored.scores.insert(scores.scored.scores.end(), {i % 4 == 0 ? 0.9 : 0.1, 0.5});
  }
  const std::string html = page_of({scores}, {"A"});
  // Every probability is 0.1 off: the Brier score is 0.01, the calibration error 0.1; 0.25 * 0.75 without a model.
  EXPECT_THAT(html, AllOf(HasSubstr("10 % of the training records (lp)"), HasSubstr("<td>0.188</td>"),
                          HasSubstr("<td>0.010 <small>ECE 0.100</small></td>"), HasSubstr(">one class (0, rare)<")));
}

TEST(LabelDetails, SayWhatCannotBeDrawn) {
  LabelScores nan = made_up("A", 2, 12, 1), outside = made_up("B", 2, 12, 1), none = made_up("C", 0, 0, 1);
  nan.scored.scores[3] = kNaN;
  outside.scored.probabilities = true;
  std::string html = page_of({nan, outside, none}, {"A", "B", "C"});
  EXPECT_THAT(html, AllOf(HasSubstr("A: some scores are not numbers"), HasSubstr("B: some probabilities lie outside"),
                          HasSubstr("C: no scores"), Not(HasSubstr("<svg"))));
  html = page_of({nan, made_up("D", 2, 12, 1)}, {"A", "D"});
  EXPECT_THAT(html, AllOf(HasSubstr("A: some scores are not numbers"), HasSubstr("<svg"), HasSubstr(">A n/a<")));
  LabelScores one_class = made_up("A", 1, 12, 1);
  one_class.scored.targets.assign(12, 0);
  EXPECT_THAT(page_of({one_class}, {"A"}), HasSubstr("No label has both classes"));
}

TEST(LabelDetails, EscapeNamesAndCutLongOnes) {
  LabelScores scores = as_probabilities(made_up(kNasty, 1, 40, 1));
  scores.scored.labels[0] = fmt::format("{} a label whose name is far longer than a row", kNasty);
  scores.task = scores.data = scores.label_set = kNasty;
  const std::string html = page_of({scores}, {kNasty});
  EXPECT_THAT(html, AllOf(Not(HasSubstr("<script>")), HasSubstr("&lt;script&gt;"), HasSubstr("… (20)<")));
}

}  // namespace
}  // namespace deri
