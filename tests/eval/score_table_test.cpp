#include "deri/eval/score_table.hpp"

#include <limits>

#include "testing/testing.hpp"

#include "deri/base/npy.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

ScoreTable sample() {
  ScoreTable table{{"r1", "an \"odd\", id", "r3"},
                   {{"NORM", "MI"}, {0.25, 1.0 / 3, 0.5, 1, 0, 0.125}, {1, 0, 0, 1, 0, 0}, true}};
  table.made_by = {{"model", "runs/best"}, {"seed", 3}};
  return table;
}

class ScoreTables : public ::testing::Test {
 protected:
  fs::path folder() const { return directory_.path() / "scores"; }
  // A saved sample with another text in one of its files.
  void damaged(const std::string& file, const std::string& text) {
    fs::remove_all(folder());
    save_score_table(folder(), sample());
    write_file_atomic(folder() / file, text);
  }

  TemporaryDirectory directory_;
};

TEST_F(ScoreTables, ComeBackAsTheyWere) {
  save_score_table(folder(), sample());
  const ScoreTable loaded = load_score_table(folder());
  EXPECT_EQ(loaded.ids, sample().ids);
  EXPECT_EQ(loaded.scored.labels, sample().scored.labels);
  EXPECT_EQ(loaded.scored.scores, sample().scored.scores);  // to the bit
  EXPECT_EQ(loaded.scored.targets, sample().scored.targets);
  EXPECT_TRUE(loaded.scored.probabilities);
  EXPECT_EQ(loaded.made_by, sample().made_by);

  ScoreTable ranking = sample();
  ranking.scored.probabilities = false;
  ranking.scored.scores[0] = -std::numeric_limits<double>::infinity();
  save_score_table(folder(), ranking, true);
  EXPECT_FALSE(load_score_table(folder()).scored.probabilities);
  EXPECT_EQ(load_score_table(folder()).scored.scores, ranking.scored.scores);
}

TEST_F(ScoreTables, ReplaceNothingUnasked) {
  save_score_table(folder(), sample());
  EXPECT_DERI_ERROR(save_score_table(folder(), sample()), HasSubstr("scores"));
  // A folder of something else is never replaced.
  const fs::path other = directory_.path() / "precious";
  make_directories(other);
  write_file_atomic(other / "thesis.txt", "words");
  EXPECT_DERI_ERROR(save_score_table(other, sample(), true), HasSubstr("table.json"));
  EXPECT_TRUE(fs::exists(other / "thesis.txt"));
}

TEST_F(ScoreTables, RefuseToSaveNonsense) {
  ScoreTable table = sample();
  table.ids[2] = "r1";
  EXPECT_DERI_ERROR(save_score_table(folder(), table), HasSubstr("the id 'r1' appears twice"));
  table = sample();
  table.scored.labels[1] = "NORM";
  EXPECT_DERI_ERROR(save_score_table(folder(), table), HasSubstr("the label 'NORM' appears twice"));
  table = sample();
  table.scored.scores[1] = 1.5;
  EXPECT_DERI_ERROR(save_score_table(folder(), table), HasSubstr("1.5 is said to be a probability"));
  table.scored.scores[1] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DERI_ERROR(save_score_table(folder(), table), HasSubstr("not a number"));
  table = sample();
  table.ids.pop_back();
  EXPECT_THROW(save_score_table(folder(), table), InternalError);
  EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(ScoreTables, NameTheDamagedFile) {
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("table.json"));
  damaged("table.json", "{}");
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("table.json"), HasSubstr("not a score table")));
  damaged("table.json", "[1]");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("not a score table"));
  damaged("table.json", R"({"format": "deri score table", "version": 2})");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("version 2"));
  damaged("table.json", R"({"format": "deri score table", "version": 1})");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("no list of labels"));
  damaged("table.json", R"({"format": "deri score table", "version": 1, "labels": [1]})");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("a label is not a text"));
  damaged("table.json", R"({"format": "deri score table", "version": 1, "labels": ["A"]})");
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("scores.npy"), HasSubstr("[3, 1]")));
  damaged("ids.csv", "id\nr1\nr2\n");
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("scores.npy"), HasSubstr("[2, 2]")));
  damaged("ids.csv", "id\nr1\nr2\nr2\n");
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("ids.csv"), HasSubstr("'r2' appears twice")));
  damaged("ids.csv", "name\nr1\n");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("ids.csv"));
  damaged("scores.npy", "no array");
  EXPECT_DERI_ERROR(load_score_table(folder()), HasSubstr("scores.npy"));
}

TEST_F(ScoreTables, CheckTheNumbers) {
  save_score_table(folder(), sample());
  const std::vector<std::int16_t> truth = {1, 0, 0, 2, 0, 0};
  write_npy<std::int16_t>(folder() / "truth.npy", {3, 2}, truth);
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("truth.npy"), HasSubstr("a truth of 2")));
  const std::vector<double> scores = {1, 0, 0, 2, 0, 0};
  write_npy<double>(folder() / "scores.npy", {3, 2}, scores);
  EXPECT_DERI_ERROR(load_score_table(folder()), AllOf(HasSubstr("scores.npy"), HasSubstr("probability")));
}

TEST(AlignedScores, FollowTheOtherTablesOrder) {
  ScoreTable like = sample();
  ScoreTable other{{"r3", "r1", "an \"odd\", id"}, {{"MI", "NORM"}, {6, 5, 2, 1, 4, 3}, {0, 0, 0, 1, 1, 0}}};
  const ScoreTable result = aligned(other, like, "B", "A");
  EXPECT_EQ(result.ids, like.ids);
  EXPECT_EQ(result.scored.labels, like.scored.labels);
  EXPECT_EQ(result.scored.targets, like.scored.targets);
  EXPECT_THAT(result.scored.scores, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(AlignedScores, NeedTheSameRecordsLabelsAndTruth) {
  const ScoreTable like = sample();
  ScoreTable other = like;
  other.ids[2] = "r4";
  EXPECT_DERI_ERROR(aligned(other, like, "B", "A"), HasSubstr("B: the record 'r3' of A is missing"));
  other = like;
  other.scored.labels[0] = "HYP";
  EXPECT_DERI_ERROR(aligned(other, like, "B", "A"), HasSubstr("the label 'NORM' of A is missing"));
  other = like;
  other.ids.push_back("r4");
  other.scored.scores.insert(other.scored.scores.end(), {0, 0});
  other.scored.targets.insert(other.scored.targets.end(), {0, 0});
  EXPECT_DERI_ERROR(aligned(other, like, "B", "A"), HasSubstr("B: 4 records, and A has 3"));
  other = like;
  other.scored.targets[3] = 0;
  EXPECT_DERI_ERROR(aligned(other, like, "B", "A"), HasSubstr("another truth for 'MI'"));
}

}  // namespace
}  // namespace deri
