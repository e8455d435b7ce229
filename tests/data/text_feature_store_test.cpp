#include "deri/data/text_feature_store.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <functional>
#include <numeric>
#include <optional>
#include <thread>

#include "testing/testing.hpp"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kWidth = 3;

TextFeatureInfo small_info(const std::string& weights = "abc") {
  return {.tower = {{"weights", weights}, {"max_tokens", 8}}, .width = kWidth, .made_by = {{"tower", "a test"}}};
}

// Report `i` of 1 + i % 4 tokens.
std::vector<std::int32_t> tokens(int i) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(1 + i % 4));
  std::iota(ids.begin(), ids.end(), 100 * i);
  return ids;
}

std::vector<float> pooled(int i) {
  return {static_cast<float>(i), 0.5F, -0.25F * static_cast<float>(i)};
}

std::vector<float> hidden(int i) {
  std::vector<float> values;
  for (std::size_t t = 0; t < tokens(i).size(); ++t)
    for (int k = 0; k < kWidth; ++k) values.push_back(static_cast<float>(500 * k + 10 * i) + static_cast<float>(t));
  return values;
}

void add(TextFeatureWriter& writer, int i) {
  writer.add(report_key(tokens(i)), pooled(i), hidden(i), fmt::format("report {}", i));
  writer.end_batch();
}

std::vector<float> wide(std::span<const Half> halfs) {
  std::vector<float> values(halfs.size());
  to_float(halfs, values);
  return values;
}

class TextFeatureStoreTest : public ::testing::Test {
 protected:
  fs::path features() const { return scratch_.path() / "features"; }
  fs::path folder() const { return features() / small_info().fingerprint(); }

  // Reports [first, last), as they are if nothing is said about shards: all in one.
  void write(int first, int last, std::uint64_t shard_bytes = 1 << 20) const {
    TextFeatureWriter writer(features(), small_info(), {.shard_bytes = shard_bytes});
    for (int i = first; i < last; ++i) add(writer, i);
    writer.finish();
  }
  void expect_holds(int count) const {
    const TextFeatureStore store(folder(), small_info());
    EXPECT_EQ(store.reports(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      const auto found = store.find(report_key(tokens(i)));
      ASSERT_TRUE(found) << i;
      EXPECT_EQ(wide(found->pooled), pooled(i));
      EXPECT_EQ(wide(found->hidden), hidden(i));
    }
    EXPECT_NO_THROW(store.verify());
  }
  std::vector<std::string> names(const fs::path& path) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(path)) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
  void change_features_json(const std::function<void(Json&)>& change) const {
    Json tree = load_json(folder() / "features.json");
    change(tree);
    save_json(folder() / "features.json", tree);
  }
  void expect_refused(const ::testing::Matcher<const std::string&>& message) const {
    EXPECT_DERI_ERROR(TextFeatureStore(folder(), small_info()), AllOf(HasSubstr(folder().string()), message));
  }

  TemporaryDirectory scratch_;
};

// XXH3, 128 bit, of the ids' bytes; computed outside with the xxHash library itself.
TEST_F(TextFeatureStoreTest, KeyIsOfTheTokenIds) {
  const std::vector<std::int32_t> ids = {2, 15, 3}, others = {2, 3, 15};
  EXPECT_EQ(report_key(ids).high, 0x0B51260C93C181C2U);
  EXPECT_EQ(report_key(ids).low, 0x6DC214A6111FB220U);
  EXPECT_FALSE(report_key(ids) == report_key(others));
  EXPECT_FALSE(report_key(ids) == report_key(std::span(ids).first(2)));
}

TEST_F(TextFeatureStoreTest, GivesBackWhatWasWritten) {
  write(0, 10);
  expect_holds(10);
  const TextFeatureStore store(folder(), small_info());
  EXPECT_EQ(store.rows(), 1 + 2 + 3 + 4 + 1 + 2 + 3 + 4 + 1 + 2);
  EXPECT_EQ(store.bytes(), static_cast<std::uint64_t>(10 + 23) * kWidth * 2);
  EXPECT_FALSE(store.find(report_key(tokens(10))));
  EXPECT_FALSE(store.has(report_key(tokens(10))));
}

// Plain arrays and a description, for other programs.
TEST_F(TextFeatureStoreTest, HoldsPlainArraysAndSaysWhatTheyAre) {
  write(0, 3);
  EXPECT_THAT(names(folder()), ElementsAre("features.json", "hidden-00000.npy", "index-00000.npy", "pooled-00000.npy"));
  EXPECT_THAT(names(features()),
              UnorderedElementsAre(small_info().fingerprint(), small_info().fingerprint() + ".lock"));
  const Json tree = load_json(folder() / "features.json");
  EXPECT_EQ(tree["version"], kTextFeaturesVersion);
  EXPECT_EQ(tree["fingerprint"], small_info().fingerprint());
  EXPECT_EQ(tree["tower"], small_info().tower);
  EXPECT_EQ(tree["made_by"]["tower"], "a test");
  EXPECT_EQ(tree["reports"], 3);
  EXPECT_EQ(tree["rows"], 6);
  const std::string hidden_file = read_file(folder() / "hidden-00000.npy");
  EXPECT_THAT(hidden_file, HasSubstr("{'descr': '<f2', 'fortran_order': False, 'shape': (6, 3), }"));
  EXPECT_EQ(hidden_file.substr(hidden_file.size() - 6), std::string("\x80\x4D\x14\x60\xFC\x63", 6));  // 22, 522, 1022
}

TEST_F(TextFeatureStoreTest, ReportsWithoutRowsHavePooledFeaturesOnly) {
  {
    TextFeatureWriter writer(features(), small_info());
    writer.add(report_key(tokens(1)), pooled(1), {}, "report 1");
    writer.finish();
  }
  const TextFeatureStore store(folder(), small_info());
  const auto found = store.find(report_key(tokens(1)));
  ASSERT_TRUE(found);
  EXPECT_EQ(wide(found->pooled), pooled(1));
  EXPECT_TRUE(found->hidden.empty());
}

TEST_F(TextFeatureStoreTest, ClosesAShardThatIsFull) {
  write(0, 10, 60);  // a row and a report's pooled features are 6 bytes each: 4 reports of 1 + 2 + 3 + 4 rows are 84
  expect_holds(10);
  const Json shards = load_json(folder() / "features.json")["shards"];
  EXPECT_EQ(TextFeatureStore(folder(), small_info()).shards(), 3U);
  ASSERT_EQ(shards.size(), 3U);
  for (const int shard : {0, 1}) {
    EXPECT_EQ(shards[shard]["reports"], 4);
    EXPECT_EQ(shards[shard]["rows"], 10);
  }
  EXPECT_EQ(shards[2]["rows"], 3);
}

TEST_F(TextFeatureStoreTest, AddsToWhatIsThereAndChangesNothingOfIt) {
  write(0, 5);
  const std::string before = read_file(folder() / "hidden-00000.npy");
  const TextFeatureStore reader(folder(), small_info());
  {
    TextFeatureWriter writer(features(), small_info());
    EXPECT_TRUE(writer.has(report_key(tokens(4))));
    EXPECT_FALSE(writer.has(report_key(tokens(5))));
    for (int i = 5; i < 9; ++i) add(writer, i);
    EXPECT_TRUE(writer.has(report_key(tokens(5))));
    writer.finish();
  }
  EXPECT_EQ(read_file(folder() / "hidden-00000.npy"), before);
  expect_holds(9);
  EXPECT_EQ(reader.reports(), 5U);
  EXPECT_EQ(wide(reader.find(report_key(tokens(4)))->hidden), hidden(4));
}

TEST_F(TextFeatureStoreTest, OtherTowersHaveOtherFolders) {
  write(0, 2);
  TextFeatureInfo wider = small_info();
  wider.width = 4;
  EXPECT_NE(small_info("abd").fingerprint(), small_info().fingerprint());
  EXPECT_NE(wider.fingerprint(), small_info().fingerprint());
  TextFeatureInfo renamed = small_info();
  renamed.made_by["tower"] = "the same tower under another name";
  EXPECT_EQ(renamed.fingerprint(), small_info().fingerprint());
  {
    TextFeatureWriter writer(features(), small_info("abd"));
    EXPECT_FALSE(writer.has(report_key(tokens(0))));
    add(writer, 0);
    writer.finish();
  }
  expect_holds(2);
  EXPECT_DERI_ERROR(TextFeatureStore(folder(), small_info("abd")), HasSubstr("another text tower"));
  EXPECT_DERI_ERROR(TextFeatureStore(folder(), wider), HasSubstr("another text tower"));
}

TEST_F(TextFeatureStoreTest, AppearsOnlyWhenFinished) {
  {
    TextFeatureWriter writer(features(), small_info());
    add(writer, 0);
    EXPECT_FALSE(fs::exists(folder()));
  }
  EXPECT_THAT(names(features()), ElementsAre(small_info().fingerprint() + ".lock"));
}

// A process that is killed while it writes its third shard.
TEST_F(TextFeatureStoreTest, GoesOnBehindTheLastWholeShardAfterAKill) {
  write(0, 12, 60);
  const fs::path whole = scratch_.path() / "whole";
  fs::rename(features(), whole);

  const pid_t child = ::fork();
  if (child == 0) {
    TextFeatureWriter writer(features(), small_info(), {.shard_bytes = 60});
    for (int i = 0; i < 9; ++i) add(writer, i);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(fs::exists(folder()));
  ASSERT_TRUE(fs::exists(folder().string() + ".partial"));
  {
    TextFeatureWriter writer(features(), small_info(), {.shard_bytes = 60});
    EXPECT_TRUE(writer.has(report_key(tokens(7))));
    EXPECT_FALSE(writer.has(report_key(tokens(8)))) << "its shard was not whole";
    for (int i = 0; i < 12; ++i)
      if (!writer.has(report_key(tokens(i)))) add(writer, i);
    writer.finish();
  }
  expect_holds(12);
  EXPECT_EQ(names(folder()), names(whole / small_info().fingerprint()));
  for (const std::string& name : names(folder()))
    EXPECT_EQ(read_file(folder() / name), read_file(whole / small_info().fingerprint() / name)) << name;
  EXPECT_FALSE(fs::exists(folder().string() + ".partial"));
}

TEST_F(TextFeatureStoreTest, AnErrorKeepsWholeShards) {
  {
    TextFeatureWriter writer(features(), small_info(), {.shard_bytes = 60});
    for (int i = 0; i < 6; ++i) add(writer, i);
  }
  EXPECT_THAT(names(folder().string() + ".partial"),
              ElementsAre("features.json", "hidden-00000.npy", "index-00000.npy", "pooled-00000.npy"));
}

TEST_F(TextFeatureStoreTest, AFullDiskIsNamedAndLeavesWhatIsWhole) {
  write(0, 4);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{2000, 2000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      TextFeatureWriter writer(features(), small_info());
      for (int i = 4; i < 400; ++i) add(writer, i);
      writer.finish();
    } catch (const Error& error) {
      ::_exit(std::string(error.what()).find("hidden-00001.npy") != std::string::npos ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  expect_holds(4);
  EXPECT_EQ(names(folder()).size(), 4U);
}

TEST_F(TextFeatureStoreTest, WaitsForAnotherWriter) {
  std::optional<TextFeatureWriter> first(std::in_place, features(), small_info());
  add(*first, 0);
  std::thread second([&] {
    TextFeatureWriter writer(features(), small_info());
    EXPECT_TRUE(writer.has(report_key(tokens(0)))) << "waited until they were there";
    add(writer, 1);
    writer.finish();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  first->finish();
  second.join();
  expect_holds(2);
}

TEST_F(TextFeatureStoreTest, RefusesWhatFloat16CannotHoldNamingTheReport) {
  TextFeatureWriter writer(features(), small_info());
  add(writer, 0);
  auto large = hidden(1);
  large.back() = 70000;
  EXPECT_DERI_ERROR(writer.add(report_key(tokens(1)), pooled(1), large, "report 1"),
                    AllOf(HasSubstr("report 1"), HasSubstr("70000"), HasSubstr("text_features=off")));
  EXPECT_DERI_ERROR(writer.add(report_key(tokens(1)), std::vector<float>{0, 0, NAN}, hidden(1), "report 1"),
                    HasSubstr("nan"));
  EXPECT_FALSE(writer.has(report_key(tokens(1))));
  add(writer, 1);
  writer.finish();
  expect_holds(2);
}

TEST_F(TextFeatureStoreTest, RefusesDamagedFolders) {
  write(0, 6, 60);
  const fs::path good = scratch_.path() / "good";
  fs::copy(folder(), good);
  const auto restored = [&] {
    fs::remove_all(folder());
    fs::copy(good, folder());
  };
  for (const char* name : {"index-00000.npy", "pooled-00001.npy", "hidden-00000.npy", "features.json"}) {
    const std::string bytes = read_file(folder() / name);
    write_file_atomic(folder() / name, bytes.substr(0, bytes.size() - 3));
    expect_refused(HasSubstr(name));
    write_file_atomic(folder() / name, "PK\x03\x04 something else");
    expect_refused(HasSubstr(name));
    fs::remove(folder() / name);
    expect_refused(HasSubstr(name));
    restored();
  }
  // arrays of another shard, of the right type
  fs::copy_file(good / "index-00001.npy", folder() / "index-00000.npy", fs::copy_options::overwrite_existing);
  expect_refused(HasSubstr("index-00000.npy"));
  restored();
  fs::copy_file(good / "hidden-00001.npy", folder() / "hidden-00000.npy", fs::copy_options::overwrite_existing);
  expect_refused(AllOf(HasSubstr("hidden-00000.npy"), HasSubstr("shape")));
  restored();
  // one bit of a key
  std::string index = read_file(folder() / "index-00000.npy");
  index[index.size() - 24] ^= 1;
  write_file_atomic(folder() / "index-00000.npy", index);
  expect_refused(AllOf(HasSubstr("index-00000.npy"), HasSubstr("checksum")));
  restored();
  expect_holds(6);
}

TEST_F(TextFeatureStoreTest, RefusesDescriptionsThatDoNotFit) {
  write(0, 4);
  const auto refused = [&](const std::function<void(Json&)>& change,
                           const ::testing::Matcher<const std::string&>& message) {
    const std::string before = read_file(folder() / "features.json");
    change_features_json(change);
    expect_refused(message);
    write_file_atomic(folder() / "features.json", before);
  };
  refused([](Json& tree) { tree["version"] = 99; }, AllOf(HasSubstr("version 99"), HasSubstr("version 1")));
  refused([](Json& tree) { tree.erase("tower"); }, HasSubstr("'tower'"));
  refused([](Json& tree) { tree["width"] = 4; }, HasSubstr("another text tower"));
  refused([](Json& tree) { tree["shards"] = 3; }, HasSubstr("'shards'"));
  refused([](Json& tree) { tree["shards"][0] = "x"; }, HasSubstr("'reports'"));
  refused([](Json& tree) { tree["shards"][0]["reports"] = 1LL << 60; }, HasSubstr("index-00000.npy"));
  refused([](Json& tree) { tree["shards"][0]["rows"] = -1; }, HasSubstr("hidden-00000.npy"));
  refused([](Json& tree) { tree["shards"].push_back(tree["shards"][0]); }, HasSubstr("index-00001.npy"));
  refused([](Json& tree) { tree["reports"] = 5; }, HasSubstr("counts"));
}

// Indices with a sound checksum that say what cannot be.
TEST_F(TextFeatureStoreTest, RefusesIndicesThatDoNotFit) {
  write(0, 3);
  const auto refused = [&](const std::vector<std::int64_t>& index, const std::string& part) {
    write_npy<std::int64_t>(folder() / "index-00000.npy", {3, 3}, index);
    std::string found;
    try {
      TextFeatureStore(folder(), small_info());
    } catch (const Error& error) {
      found = std::string(error.what()).substr(std::string(error.what()).find("xxh3:"), 21);
    }
    change_features_json([&](Json& tree) { tree["shards"][0]["index"] = found; });
    expect_refused(HasSubstr(part));
  };
  refused({1, 1, 1, 1, 2, 2, 1, 3, 4}, "report 2 has 4 rows");
  refused({1, 1, 1, 1, 2, -1, 1, 3, 3}, "report 1 has -1 rows");
  refused({1, 1, 1, 1, 2, 2, 1, 3, 2}, "5 rows of 6");
  refused({1, 1, 1, 1, 1, 2, 1, 3, 3}, "report 1 is there twice");
}

TEST_F(TextFeatureStoreTest, VerifyFindsAChangedFeature) {
  write(0, 4);
  for (const char* name : {"pooled-00000.npy", "hidden-00000.npy"}) {
    const std::string before = read_file(folder() / name);
    std::string changed = before;
    changed[changed.size() - 5] ^= 1;
    write_file_atomic(folder() / name, changed);
    const TextFeatureStore store(folder(), small_info());
    EXPECT_DERI_ERROR(store.verify(), AllOf(HasSubstr(name), HasSubstr("checksum")));
    write_file_atomic(folder() / name, before);
  }
  expect_holds(4);
}

}  // namespace
}  // namespace deri
