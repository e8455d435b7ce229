#include "deri/experiment/suite_page.hpp"

#include <cmath>

#include "eval/markup_check.hpp"
#include "experiment/example_results.hpp"
#include "testing/testing.hpp"

#include "deri/base/error.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using testing::around;
using testing::example_results;
using ::testing::HasSubstr;
using testing::kNotANumber;
using testing::markup_error;
using ::testing::Not;
using testing::occurrences;
using testing::undefined;

constexpr const char* kNasty = "</main><script>alert(\"1\" & '2')</script>\n\x01";

// The page behind its style, checked.
std::string body_of(const SuitePageInputs& inputs) {
  const std::string html = suite_page(inputs);
  EXPECT_EQ(markup_error(html), "");
  for (const char* forbidden : {"<script", "<link", "<img", "src=", "href", ">nan<", ">inf<"})
    EXPECT_THAT(html, Not(HasSubstr(forbidden)));
  return html.substr(html.find("</style>"));
}

// From a heading to the next of its level, or to the end.
std::string section_of(const std::string& body, const std::string& heading) {
  const std::size_t begin = body.find(fmt::format("<h2>{}</h2>", heading));
  EXPECT_NE(begin, std::string::npos) << heading;
  return begin == std::string::npos ? "" : body.substr(begin, body.find("<h2>", begin + 4) - begin);
}

LabelScores example_scores(const std::string& model) {
  LabelScores scores{model, 1, "zs", "zero-shot", "ptbxl", "super", 0, {{"NORM"}, {}, {}}};
  for (int i = 0; i < 24; ++i) {
    scores.scored.targets.push_back(i % 2);
    scores.scored.scores.push_back(i % 7);
  }
  return scores;
}

EmbeddingMap example_map(const std::string& model, bool trained, std::vector<std::string> classes) {
  EmbeddingMap map{model, 1, trained, "ptbxl", "super", "zero-shot", {}, std::move(classes), 12.5};
  for (std::size_t i = 0; i < map.classes.size(); ++i)
    map.points.insert(map.points.end(), {static_cast<float>(i), static_cast<float>(i * i)});
  return map;
}

SuitePageInputs example_inputs() {
  SuitePageInputs inputs;
  inputs.results = example_results();
  inputs.scores = {example_scores("DERI"), example_scores("MERL")};
  inputs.curves = {{"DERI", 1, {3, 2, 1}, {kNotANumber, .7, .8}, "zero-shot AUROC", 3},
                   {"DERI", 2, {3.1, 2.1, 1.1}, {.6, kNotANumber, .82}, "zero-shot AUROC", 3}};
  inputs.maps = {example_map("DERI", false, {"several", "NORM", "MI"}), example_map("DERI", true, {"NORM", "MI"})};
  return inputs;
}

TEST(SuitePage, ShowsTheMainNumbersFirst) {
  const std::string body = body_of(example_inputs());
  EXPECT_THAT(body, HasSubstr("<h1>Small suite</h1>"));
  EXPECT_THAT(body, HasSubstr("<p>Two cores.</p>"));
  // Without a mean column: the last label set that has a number; of the probe, the better of two models.
  EXPECT_THAT(body, HasSubstr("<strong>0.820</strong><span>DERI: macro AUROC, zero-shot on ptbxl, label set sub</span>"
                              "<small>interval 0.790 to 0.850; untrained 0.510</small>"));
  EXPECT_THAT(body, HasSubstr("DERI, best of 2 models: macro AUROC, probe on ptbxl, 10 % of the training records"));
  EXPECT_THAT(body, HasSubstr("Written by deri " DERI_VERSION));
  EXPECT_THAT(section_of(body, "How intervals and tests were made"),
              HasSubstr("<p>95 % intervals of 1,000 resamples.</p>"));
}

TEST(SuitePage, PrefersTheMeanOverLabelSets) {
  SuitePageInputs inputs = example_inputs();
  ResultColumn mean = inputs.results.columns[0];
  mean.label_set = "mean";
  mean.models[1].trained = around(.9);
  inputs.results.columns.insert(inputs.results.columns.begin() + 2, mean);
  inputs.results.columns.insert(inputs.results.columns.begin() + 3, inputs.results.columns[0]);
  const std::string body = body_of(inputs);
  EXPECT_THAT(body, HasSubstr("<strong>0.900</strong><span>MERL, best of 2 models: macro AUROC, zero-shot on ptbxl, "
                              "mean of the label sets</span>"));
  EXPECT_THAT(body, HasSubstr("<strong>+0.030</strong><span>DERI minus MERL: macro AUROC"));
}

TEST(SuitePage, NamesWhatIsNotDone) {
  const std::string body = body_of(example_inputs());
  EXPECT_THAT(body, HasSubstr("One training is not done"));
  EXPECT_THAT(body, HasSubstr("<li>MERL, seed 2, failed: out of memory</li>"));
  EXPECT_THAT(section_of(body, "Results"), HasSubstr("MERL has no result for sub."));
  SuitePageInputs done = example_inputs();
  done.results.runs.pop_back();
  EXPECT_THAT(body_of(done), Not(HasSubstr("not done")));
}

TEST(SuitePage, TablesHoldMeansTwinsTrainingsAndDifferences) {
  const std::string results = section_of(body_of(example_inputs()), "Results");
  EXPECT_THAT(results, HasSubstr("<h3>zs: zero-shot on ptbxl</h3>"));
  EXPECT_THAT(results, HasSubstr("super (5)</th>"));
  EXPECT_THAT(results, HasSubstr("sub (19 of 23)</th>"));
  // DERI is the better one of the first column, and alone in the second.
  EXPECT_THAT(results, HasSubstr("<td class=\"text\">DERI</td><td><strong>0.820</strong> <small>[0.790, 0.850]</small>"
                                 "</td><td>0.820 <small>[0.790, 0.850]</small></td>"));
  EXPECT_THAT(results, HasSubstr("<small>DERI, untrained</small></td><td>0.510"));
  EXPECT_THAT(results, HasSubstr("<td class=\"text\">MERL</td><td>0.790 <small>[0.760, 0.820]</small></td><td>—</td>"));
  EXPECT_THAT(results, HasSubstr("<td class=\"text\">DERI</td><td class=\"text\">2</td><td>0.840"));  // a training
  EXPECT_THAT(results, HasSubstr("<td><strong>0.841</strong>"));                                      // frequent labels
  EXPECT_THAT(results, HasSubstr("<td class=\"text\">MERL</td><td class=\"text\">super</td>"
                                 "<td>+0.030 [+0.000, +0.060]</td><td>0.2500</td>"));
  EXPECT_THAT(results, HasSubstr("<td class=\"text\">untrained</td><td class=\"text\">sub</td>"
                                 "<td>+0.310 [+0.280, +0.340]</td><td>0.0005</td>"));
  EXPECT_EQ(occurrences(results, "<svg"), 2U);
  EXPECT_THAT(results, HasSubstr(">DERI, untrained</text>"));
}

TEST(SuitePage, ManyModelsHaveNoTwinsInTheForestPlot) {
  SuitePageInputs inputs = example_inputs();
  for (int i = 0; i < 8; ++i) {
    inputs.results.models.push_back(fmt::format("m{}", i));
    inputs.results.columns[0].models.push_back(inputs.results.columns[0].models[0]);
    inputs.results.columns[0].models.back().model = inputs.results.models.back();
  }
  const std::string results = section_of(body_of(inputs), "Results");
  EXPECT_THAT(results,
              AllOf(Not(HasSubstr(", untrained</text>")), HasSubstr("The untrained twins stand in the table")));
}

TEST(SuitePage, DrawsACurveForEveryModelAndAxis) {
  SuitePageInputs inputs = example_inputs();
  inputs.results.robustness[0].auroc[1] = around(.6);
  const std::string robustness = section_of(body_of(inputs), "Robustness");
  EXPECT_EQ(occurrences(robustness, "<svg"), 2U);
  EXPECT_THAT(robustness, AllOf(HasSubstr(">leads left<"), HasSubstr("percent of the lead&#39;s"), HasSubstr(">2.5<")));
  // 12 leads at the left of 1.
  const auto place = [&](const char* number) {
    return std::stod(robustness.substr(robustness.rfind("x=\"", robustness.find(number)) + 3));
  };
  EXPECT_LT(place(">12</text>"), place(">1</text>"));
  // A model has its colour in each chart, the second's line is not drawn in the first's.
  EXPECT_EQ(occurrences(robustness, ">MERL</text>"), 2U);
}

TEST(SuitePage, ShowsSingleLabelsFoldedAway) {
  const std::string labels = section_of(body_of(example_inputs()), "Single labels");
  EXPECT_THAT(labels, AllOf(HasSubstr("<details>\n<summary>super, zero-shot on ptbxl (zs)</summary>"),
                            HasSubstr("NORM (12)"), HasSubstr("flagged as rare")));
}

TEST(SuitePage, MapsHaveTrainedBesideUntrainedInTheSameColours) {
  SuitePageInputs inputs = example_inputs();
  inputs.maps.push_back(example_map("MERL", true, {"A", "several"}));
  const std::string maps = section_of(body_of(inputs), "Embeddings");
  EXPECT_EQ(occurrences(maps, "<figure class=\"several\">"), 2U);
  EXPECT_EQ(occurrences(maps, "<svg"), 3U);
  EXPECT_LT(maps.find("DERI, trained"), maps.find("DERI, untrained"));
  EXPECT_THAT(maps, HasSubstr("DERI, seed 1: 2 records, perplexity 12.5."));
  // Each legend has all classes, "several" last.
  std::size_t at = 0;
  for (int chart = 0; chart < 3; ++chart)
    for (const char* name : {">A</text>", ">MI</text>", ">NORM</text>", ">several</text>"}) {
      at = maps.find(name, at);
      ASSERT_NE(at, std::string::npos) << name;
    }
  inputs.maps[0].points.pop_back();
  EXPECT_THROW(suite_page(inputs), InternalError);
}

TEST(SuitePage, ShowsHowTheTrainingsWent) {
  const std::string training = section_of(body_of(example_inputs()), "Training");
  EXPECT_EQ(occurrences(training, "<svg"), 2U);
  EXPECT_THAT(training, AllOf(HasSubstr("Validation split: zero-shot AUROC"), HasSubstr("Training loss")));
  // Two trainings in DERI's colour; an epoch without a score does not break the line.
  EXPECT_EQ(occurrences(training, "fill=\"none\" stroke=\"#3d7fd1\""), 4U);
  EXPECT_THAT(training, HasSubstr("<td class=\"text\">1</td><td class=\"text\">done</td><td>12</td><td>0.8123</td>"
                                  "<td>7 min 05 s</td>"));
  EXPECT_THAT(training, HasSubstr("all together took 14 min 27 s"));
  // Not trained here.
  EXPECT_THAT(training, HasSubstr("<td class=\"text\">done</td><td>—</td><td>—</td><td>—</td>"));
}

TEST(SuitePage, CopesWithNothing) {
  std::string body = body_of({});
  EXPECT_THAT(body, AllOf(HasSubstr("No evaluation is done."), Not(HasSubstr("<h2>")), Not(HasSubstr("<div class"))));
  SuitePageInputs inputs;
  inputs.results.models = {"a"};
  inputs.results.runs = {{"a", 1, "missing", "", kNotANumber, 0, kNotANumber},
                         {"a", 2, "missing", "", 0, 0, kNotANumber}};
  inputs.results.columns = {{"t", "zero-shot", "d", "strict", "s", 0, 0, 0, 0, 0, {}, {}}};
  inputs.results.robustness = {{"t", "d", "s", "a", "zero-shot", "leads", {}, {}}};
  inputs.curves = {{"a", 1, {}, {}, "", 0}};
  inputs.scores = {{}};
  inputs.maps = {{}};
  body = body_of(inputs);
  EXPECT_THAT(body, AllOf(HasSubstr("2 of 2 trainings are not done"), HasSubstr("a has no finished training"),
                          HasSubstr("no data")));
}

TEST(SuitePage, CopesWithWhatIsNotDefined) {
  SuitePageInputs inputs = example_inputs();
  for (ResultColumn& column : inputs.results.columns)
    for (ModelNumber& number : column.models) {
      number.trained = number.untrained = number.frequent = number.difference = undefined();
      number.p_value = kNotANumber;
      for (SeedNumber& seed : number.seeds) seed.trained = undefined();
    }
  inputs.results.columns[0].comparisons[0] = {"DERI", "MERL", undefined(), kNotANumber};
  for (RobustnessCurve& curve : inputs.results.robustness) curve.auroc.assign(curve.x.size(), undefined());
  for (LearningCurve& curve : inputs.curves) curve.training_loss = curve.validation = {kNotANumber, HUGE_VAL};
  for (LabelScores& scores : inputs.scores) scores.scored.scores.assign(24, kNotANumber);
  for (EmbeddingMap& map : inputs.maps) map.points.assign(map.points.size(), std::nanf(""));
  EXPECT_THAT(body_of(inputs), AllOf(HasSubstr("n/a"), Not(HasSubstr("class=\"headlines\""))));
}

TEST(SuitePage, EscapesEveryName) {
  SuitePageInputs inputs = example_inputs();
  SuiteResults& results = inputs.results;
  results.title = results.note = results.interval = kNasty;
  results.models[0] = kNasty;
  for (TrainedRun& run : results.runs) run.model = run.state = kNasty;
  for (ResultColumn& column : results.columns) {
    column.task = column.data = column.protocol = column.label_set = column.kind = kNasty;
    for (ModelNumber& number : column.models) number.model = kNasty;
    for (ModelDifference& compared : column.comparisons) compared.a = compared.b = kNasty;
  }
  for (RobustnessCurve& curve : results.robustness)
    curve.task = curve.data = curve.label_set = curve.model = curve.reading = curve.axis = kNasty;
  for (LabelScores& scores : inputs.scores)
    scores.model = scores.task = scores.data = scores.label_set = scores.kind = scores.scored.labels[0] = kNasty;
  for (LearningCurve& curve : inputs.curves) curve.model = curve.validation_name = kNasty;
  for (EmbeddingMap& map : inputs.maps) map.model = map.data = map.label_set = map.view = map.classes[0] = kNasty;
  const std::string body = body_of(inputs);
  EXPECT_EQ(occurrences(body, "</main>"), 1U);
  EXPECT_THAT(body, HasSubstr("&lt;script&gt;"));
}

}  // namespace
}  // namespace deri
