#include "deri/train/text_features.hpp"

#include <algorithm>

#include "model/small_model.hpp"
#include "testing/testing.hpp"

#include "deri/base/log.hpp"
#include "deri/base/npy.hpp"
#include "deri/model/text_input.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

using deri::testing::small_config;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr double kHalfRounding = 1.0 / 1024;  // 2^-11 of float16, and as much for sums in another order

// 24 records with 11 different reports of 3 to 12 tokens.
void write_reports(const fs::path& path, int records = 24) {
  StoreInfo info;
  info.rate = 100;
  info.leads = {"I"};
  info.samples = 4;
  StoreWriter writer(path, info);
  const std::vector<std::int16_t> signal = {1, 2, 3, 4};
  const std::vector<std::string> words = {"sinus", "rhythm", "atrial", "left", "axis", "block"};
  for (int i = 0; i < records; ++i) {
    StoreRecord record;
    record.id = fmt::format("ecg-{}", i);
    record.split = i % 4 == 3 ? kValidation : kTrain;
    for (int k = 0; k < i % 11 + 1; ++k) record.report += words[static_cast<std::size_t>((i % 11 + k * k) % 6)] + " ";
    writer.add(record, signal);
  }
  writer.finish();
}

class TextFeaturesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { init_logging(false, true); }
  void SetUp() override { write_reports(path("store")); }

  fs::path path(const std::string& name) const { return scratch_.path() / name; }
  fs::path folder() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(path("features")))
      if (entry.is_directory()) found.push_back(entry.path());
    EXPECT_EQ(found.size(), 1U);
    return found.front();
  }

  // A model whose norms and biases are not at their start, so that no two positions look alike.
  static std::shared_ptr<EcgTextModel> model(const ModelConfig& config, std::uint64_t seed = 5) {
    torch::manual_seed(seed);
    auto made = make_model(config);
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : made->text_tower().parameters()) parameter.add_(0.1 * torch::randn_like(parameter));
    return made;
  }
  static ModelConfig config_of(const std::string& kind, bool mask_padding, bool pad_to_max) {
    ModelConfig config = small_config(kind);
    config.mask_padding = mask_padding;
    config.text.pad_to_max = pad_to_max;
    return config;
  }
  static std::vector<std::size_t> all(const Store& store) {
    std::vector<std::size_t> records = records_with_report(store, kTrain);
    for (const std::size_t record : records_with_report(store, kValidation)) records.push_back(record);
    return records;
  }

  const WordPiece tokenizer_{{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "sinus", "rhythm", "atrial", "left", "axis", "block"},
                             "a test"};
  const TextFeatureOptions small_batches_{.batch_tokens = 20, .shard_bytes = 2000};
  TemporaryDirectory scratch_;
};

// Row by row: a feature's rounding is relative to itself, a sum's to what it is made of, some units here.
void expect_close(const torch::Tensor& kept, const torch::Tensor& live, const std::string& what) {
  ASSERT_EQ(kept.sizes(), live.sizes()) << what;
  ASSERT_EQ(kept.scalar_type(), torch::kFloat32);
  const double error = ((kept - live).abs() / (live.abs() + 1e-3)).max().item<double>();
  EXPECT_LE(error, kHalfRounding) << what;
  EXPECT_GT(error, 0) << what << ": float16 was never used";
}

TEST_F(TextFeaturesTest, AreTheTowersWithinTheRoundingOfFloat16) {
  const Store store(path("store"));
  struct Case {
    const char* kind;
    bool mask_padding, pad_to_max;
    HiddenRows rows;
  };
  for (const auto& [kind, mask_padding, pad_to_max, rows] :
       {Case{"deri", true, false, HiddenRows::kTokens}, Case{"deri", true, true, HiddenRows::kTokens},
        Case{"deri", false, true, HiddenRows::kAll}, Case{"deri", false, false, HiddenRows::kAll},
        Case{"merl", true, false, HiddenRows::kNone}}) {
    const std::string what = fmt::format("{} {} {}", kind, mask_padding, pad_to_max);
    const ModelConfig config = config_of(kind, mask_padding, pad_to_max);
    EXPECT_EQ(hidden_rows(config), rows) << what;
    const auto tower = model(config);
    const ReportSet reports(store, tokenizer_, config.text);
    const KeptTextFeatures kept(*tower, store, reports, all(store), {path(what)}, torch::kCPU, small_batches_);
    EXPECT_EQ(kept.store().reports(), 11U) << what;
    EXPECT_EQ(kept.computed(), 11U);
    for (const std::vector<std::size_t>& records :
         {std::vector<std::size_t>{0, 1, 2}, {10, 0, 21, 11, 3}, {9}, {2, 13, 2}}) {
      const TextInput input = reports.batch(records, torch::kCPU);
      const TextFeatures live = tower->encode_text(input), stored = kept.batch(records, torch::kCPU);
      EXPECT_TRUE(torch::equal(stored.mask, input.mask)) << what;
      expect_close(stored.pooled, live.pooled, what + " pooled");
      if (rows == HiddenRows::kNone) {
        EXPECT_FALSE(stored.hidden.defined());
      } else if (rows == HiddenRows::kAll) {
        expect_close(stored.hidden, live.hidden, what + " hidden");
      } else {
        const torch::Tensor tokens = input.mask.unsqueeze(2);
        expect_close(stored.hidden, live.hidden * tokens, what + " hidden");
      }
    }
  }
}

// What pads look like depends on the report: keeping one report's pads for all of them would be wrong.
TEST_F(TextFeaturesTest, PadsDependOnTheReportAndNotOnTheBatch) {
  const ModelConfig config = config_of("deri", false, true);
  const auto tower = model(config);
  const ReportSet reports(Store(path("store")), tokenizer_, config.text);
  const torch::Tensor pair = tower->encode_text(reports.batch({0, 1}, torch::kCPU)).hidden;
  EXPECT_GT((pair[0][15] - pair[1][15]).abs().max().item<double>(), 1e-3);
  const torch::Tensor alone = tower->encode_text(reports.batch({0}, torch::kCPU)).hidden;
  EXPECT_TRUE(torch::allclose(pair[0], alone[0], 1e-5, 1e-6));
}

TEST_F(TextFeaturesTest, AreComputedOnceAndOnlyWhatIsMissing) {
  const Store store(path("store"));
  const ModelConfig config = config_of("deri", true, false);
  const auto tower = model(config);
  const ReportSet reports(store, tokenizer_, config.text);
  const std::vector<fs::path> folders = {path("features")};
  EXPECT_EQ(KeptTextFeatures(*tower, store, reports, {0, 1, 11, 12}, folders, torch::kCPU).computed(), 2U);
  EXPECT_EQ(KeptTextFeatures(*tower, store, reports, {12, 0}, folders, torch::kCPU).computed(), 0U);
  EXPECT_EQ(KeptTextFeatures(*tower, store, reports, all(store), folders, torch::kCPU).computed(), 9U);
  const KeptTextFeatures kept(*tower, store, reports, all(store), folders, torch::kCPU);
  EXPECT_EQ(kept.computed(), 0U);
  EXPECT_EQ(kept.store().shards(), 2U);
  expect_close(kept.batch({1, 6}, torch::kCPU).pooled, tower->encode_text(reports.batch({1, 6}, torch::kCPU)).pooled,
               "of both shards");
  EXPECT_THROW(KeptTextFeatures(*tower, store, reports, {0}, folders, torch::kCPU).batch({1}, torch::kCPU),
               InternalError);
  // Another store with the same reports has the same features.
  write_reports(path("other"), 5);
  const Store other(path("other"));
  const ReportSet same(other, tokenizer_, config.text);
  EXPECT_EQ(KeptTextFeatures(*tower, other, same, all(other), folders, torch::kCPU).computed(), 0U);
}

TEST_F(TextFeaturesTest, OfAnotherTowerAreNeverTaken) {
  const Store store(path("store"));
  const ModelConfig config = config_of("deri", true, false);
  const auto fingerprint = [&](const ModelConfig& changed, std::uint64_t seed) {
    return text_feature_info(*model(changed, seed), 0).fingerprint();
  };
  const std::string first = fingerprint(config, 5);
  EXPECT_EQ(fingerprint(config, 5), first);
  EXPECT_NE(fingerprint(config, 6), first) << "weights";
  const auto differs = [&](const auto& change, const char* what) {
    ModelConfig changed = config;
    change(changed);
    EXPECT_NE(fingerprint(changed, 5), first) << what;
  };
  differs([](ModelConfig& changed) { changed.text.heads = 4; }, "heads");
  differs([](ModelConfig& changed) { changed.text.pooling = "mean"; }, "pooling");
  differs([](ModelConfig& changed) { changed.text.max_tokens = 12; }, "max_tokens");
  differs([](ModelConfig& changed) { changed.mask_padding = false; }, "pads");
  EXPECT_NE(text_feature_info(*model(config), 1).fingerprint(), first) << "pad";
  // Another vocabulary makes other tokens, which are other keys.
  const WordPiece turned({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "block", "axis", "left", "atrial", "rhythm", "sinus"},
                         "a test");
  const auto tower = model(config);
  const ReportSet reports(store, tokenizer_, config.text), others(store, turned, config.text);
  const std::vector<fs::path> folders = {path("features")};
  EXPECT_EQ(KeptTextFeatures(*tower, store, reports, {5}, folders, torch::kCPU).computed(), 1U);
  EXPECT_EQ(KeptTextFeatures(*tower, store, others, {5}, folders, torch::kCPU).computed(), 1U);
}

TEST_F(TextFeaturesTest, GoOnBehindTheLastWholeShardToTheSameBytes) {
  const Store store(path("store"));
  const ModelConfig config = config_of("deri", true, false);
  const auto tower = model(config);
  const ReportSet reports(store, tokenizer_, config.text);
  const auto make = [&] {
    return KeptTextFeatures(*tower, store, reports, all(store), {path("features")}, torch::kCPU, small_batches_)
        .computed();
  };
  EXPECT_EQ(make(), 11U);
  const fs::path whole = path("whole"), made = folder();
  fs::rename(made, whole);
  Json tree = load_json(whole / "features.json");
  ASSERT_GT(tree["shards"].size(), 2U);
  // as a kill during the second shard leaves it
  const fs::path partial = made.string() + ".partial";
  make_directories(partial);
  for (const char* file : {"index-00000.npy", "pooled-00000.npy", "hidden-00000.npy"})
    fs::copy_file(whole / file, partial / file);
  tree["shards"].erase(tree["shards"].begin() + 1, tree["shards"].end());
  tree["reports"] = tree["shards"][0]["reports"];
  tree["rows"] = tree["shards"][0]["rows"];
  save_json(partial / "features.json", tree);
  write_file_atomic(partial / "hidden-00001.npy.tmp-abcdef", "half a shard");

  EXPECT_EQ(make(), 11U - tree["reports"].get<std::size_t>());
  EXPECT_EQ(folder(), made);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(made)) {
    EXPECT_EQ(read_file(entry.path()), read_file(whole / entry.path().filename())) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 1 + 3 * load_json(whole / "features.json")["shards"].size());
}

TEST_F(TextFeaturesTest, AreReadWhereTheyAreWholeAndWrittenWhereThatCanBe) {
  const Store store(path("store"));
  const ModelConfig config = config_of("merl", true, false);
  const auto tower = model(config);
  const ReportSet reports(store, tokenizer_, config.text);
  write_file_atomic(path("file"), "not a folder");
  const fs::path impossible = path("file") / "features", good = path("deep/in/features");
  const auto place = [&](const std::vector<std::size_t>& records, const std::vector<fs::path>& folders) {
    return KeptTextFeatures(*tower, store, reports, records, folders, torch::kCPU).store().path().parent_path();
  };
  EXPECT_EQ(place({0, 1}, {impossible, good}), good);
  EXPECT_EQ(place({0, 1}, {path("elsewhere"), good}), good) << "holds them all";
  EXPECT_FALSE(fs::exists(path("elsewhere")));
  EXPECT_EQ(place({0, 2}, {path("elsewhere"), good}), path("elsewhere"));
  EXPECT_DERI_ERROR(place({0}, {impossible}), AllOf(HasSubstr(impossible.string()), HasSubstr("text_features=off")));

  EXPECT_EQ(text_features_beside(path("store")), path("store.text-features"));
  EXPECT_EQ(text_features_beside(path("store") / ""), path("store.text-features"));
  EXPECT_EQ(text_features_beside(path("store") / "."), path("store.text-features"));
}

TEST_F(TextFeaturesTest, TooLargeOnesAndDamagedOnesAreNamed) {
  const Store store(path("store"));
  const ModelConfig config = config_of("deri", true, false);
  const ReportSet reports(store, tokenizer_, config.text);
  {
    const auto loud = model(config);
    const torch::NoGradGuard no_grad;
    for (const auto& entry : loud->text_tower().named_parameters())
      if (entry.key().find("output.LayerNorm.weight") != std::string::npos) entry.value().mul_(1e6);
    EXPECT_DERI_ERROR(KeptTextFeatures(*loud, store, reports, {0}, {path("features")}, torch::kCPU),
                      AllOf(HasSubstr("the report of record ecg-0"), HasSubstr("float16")));
  }
  const auto tower = model(config);
  { const KeptTextFeatures kept(*tower, store, reports, {0}, {path("features")}, torch::kCPU); }
  std::string bytes = read_file(folder() / "hidden-00000.npy");
  bytes.back() = '\x7F';  // an exponent of ones
  write_file_atomic(folder() / "hidden-00000.npy", bytes);
  const KeptTextFeatures damaged(*tower, store, reports, {0}, {path("features")}, torch::kCPU);
  EXPECT_DERI_ERROR(damaged.batch({0}, torch::kCPU), AllOf(HasSubstr(folder().string()), HasSubstr("damaged")));
}

}  // namespace
}  // namespace deri
