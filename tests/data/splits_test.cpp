#include "deri/data/splits.hpp"

#include <map>

#include "testing/testing.hpp"

#include "deri/data/prepare.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

class Splits : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_.path() / name;
    make_directories(path.parent_path());
    write_file_atomic(path, text, Survives::kKill);
    return path;
  }
  TemporaryDirectory folder_;
};

TEST_F(Splits, AChoiceIsAWordOrAFolder) {
  EXPECT_EQ(parse_split_choice("strict").kind, SplitChoice::Kind::kStrict);
  EXPECT_EQ(parse_split_choice("published").kind, SplitChoice::Kind::kPublished);
  const SplitChoice files = parse_split_choice(folder_.path());
  EXPECT_EQ(files.kind, SplitChoice::Kind::kFiles);
  EXPECT_EQ(files.folder, folder_.path());
  EXPECT_DERI_ERROR(parse_split_choice("publishd"), AllOf(HasSubstr("'publishd'"), HasSubstr("strict, published")));
}

TEST_F(Splits, HashesAreFixedAndOfTheSharesAskedFor) {
  const HashSplit split(2018, 0.08, 0.2);
  std::map<std::string, int> counts;
  for (int i = 1; i <= 6877; ++i) ++counts[split.split_of(fmt::format("A{:04}", i))];
  EXPECT_NEAR(counts[kTest], 0.2 * 6877, 100);
  EXPECT_NEAR(counts[kValidation], 0.08 * 6877, 70);
  // What stores hold must not change from release to release.
  EXPECT_EQ(counts, (std::map<std::string, int>{{"test", 1399}, {"train", 4961}, {"validation", 517}}));
  std::string first;
  for (int i = 1; i <= 20; ++i) first += split.split_of(fmt::format("A{:04}", i)).substr(0, 2) + " ";
  EXPECT_EQ(first, "va te va tr tr tr tr tr tr tr tr te tr tr va tr tr tr te tr ");
}

TEST_F(Splits, ReadsThePublishedFormats) {
  write("icbeb_train.csv", "patient_id,ecg_id,filename\n1,1,A0001\n");
  write("icbeb_val.csv", "filename,ecg_id\nA0002,7\n");
  write("icbeb_test.csv", "filename\nA0003\n");
  write("other_best.csv", "x\n");
  const SplitFiles files(folder_.path(), {"filename"});
  EXPECT_EQ(files.size(), 3U);
  EXPECT_EQ(files.split_of("A0001"), "train");
  EXPECT_EQ(files.split_of("A0002"), "validation");
  EXPECT_EQ(files.split_of("A0003"), "test");
  EXPECT_THROW(files.split_of("A0004"), Rejection);
}

TEST_F(Splits, ReadsFoldersWithinAndPaths) {
  for (const char* set : {"form", "rhythm"}) {
    write(fmt::format("{}/ptbxl_{}_train.csv", set, set), "path\n/a/01/JS1.mat\n/a/02/JS2.mat\n");
    write(fmt::format("{}/ptbxl_{}_val.csv", set, set), "path\n");
    write(fmt::format("{}/ptbxl_{}_test.csv", set, set), "path\nJS3\n");
  }
  const SplitFiles files(folder_.path(), {"key", "path"});
  EXPECT_EQ(files.size(), 3U);
  EXPECT_EQ(files.split_of("JS2"), "train");
  EXPECT_EQ(files.split_of("JS3"), "test");
  write("form/ptbxl_form_val.csv", "path\nJS3.hea\n");
  EXPECT_DERI_ERROR(SplitFiles(folder_.path(), {"path"}), AllOf(HasSubstr("JS3"), HasSubstr("another file")));
}

TEST_F(Splits, NamesWhatIsMissing) {
  EXPECT_DERI_ERROR(SplitFiles(folder_.path(), {"id"}), HasSubstr("no file of the train split"));
  write("train.csv", "id\n1\n");
  write("val.csv", "id\n2\n");
  EXPECT_DERI_ERROR(SplitFiles(folder_.path(), {"id"}), HasSubstr("no file of the test split"));
  write("test.csv", "name\n3\n");
  EXPECT_DERI_ERROR(SplitFiles(folder_.path(), {"id"}), AllOf(HasSubstr("test.csv"), HasSubstr("columns id")));
  EXPECT_DERI_ERROR(SplitFiles(folder_.path() / "none", {"id"}), HasSubstr("cannot read the folder"));
}

}  // namespace
}  // namespace deri
