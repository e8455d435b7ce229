#include "deri/data/loader.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/resample.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kRate = 50;
constexpr std::size_t kSamples = 40;  // 0.8 s

// A store of random records, two leads swapped against the order of models: written once.
class LoaderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryDirectory>();
    StoreInfo info;
    info.rate = kRate;
    info.leads = standard_leads();
    info.samples = kSamples;
    StoreWriter writer(folder_->path() / "store", info);
    Rng random(11);
    for (int i = 0; i < 23; ++i) {
      StoreRecord record;
      record.id = std::to_string(i);
      record.split = kTrain;
      std::vector<std::int16_t> signal;
      for (std::size_t k = 0; k < 12 * kSamples; ++k)
        signal.push_back(static_cast<std::int16_t>(random.uniform(-3000, 3000)));
      writer.add(record, signal);
    }
    writer.finish();
    store_ = std::make_unique<Store>(folder_->path() / "store");
  }
  static void TearDownTestSuite() {
    store_.reset();
    folder_.reset();
  }

  static SignalReader reader(Scaling scaling = Scaling::kMillivolt) {
    return {*store_, mimic_leads(), kRate, 0.8, scaling};
  }
  static std::vector<std::size_t> all() {
    std::vector<std::size_t> indices(store_->size());
    std::iota(indices.begin(), indices.end(), 0U);
    return indices;
  }

  static std::unique_ptr<TemporaryDirectory> folder_;
  static std::unique_ptr<Store> store_;
};

std::unique_ptr<TemporaryDirectory> LoaderTest::folder_;
std::unique_ptr<Store> LoaderTest::store_;

std::vector<Batch> rest_of(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<Batch> epoch_of(Loader& loader, std::uint64_t epoch, std::size_t first_batch = 0) {
  loader.start_epoch(epoch, first_batch);
  return rest_of(loader);
}

std::vector<std::size_t> indices_of(const std::vector<Batch>& batches) {
  std::vector<std::size_t> indices;
  for (const Batch& batch : batches) indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
  return indices;
}

std::vector<std::size_t> sizes_of(const std::vector<Batch>& batches) {
  std::vector<std::size_t> sizes;
  for (const Batch& batch : batches) sizes.push_back(batch.indices.size());
  return sizes;
}

void expect_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].indices, b[i].indices);
    EXPECT_EQ(a[i].ecg, b[i].ecg);
  }
}

TEST_F(LoaderTest, ReaderPutsLeadsInTheOrderAskedFor) {
  const SignalReader mimic = reader();
  ASSERT_EQ(mimic.leads(), 12U);
  ASSERT_EQ(mimic.samples(), kSamples);
  std::vector<float> values(mimic.values());
  mimic.read(3, values);
  const auto raw = store_->signal(3);
  // standard: … aVR 3, aVL 4, aVF 5; MIMIC: … aVR 3, aVF 4, aVL 5.
  const std::size_t row_of[12] = {0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11};
  for (std::size_t lead = 0; lead < 12; ++lead)
    for (std::size_t k = 0; k < kSamples; ++k)
      ASSERT_FLOAT_EQ(values[lead * kSamples + k], static_cast<float>(raw[row_of[lead] * kSamples + k]) / 1000);
}

TEST_F(LoaderTest, ReaderTakesSomeLeadsInAnySpelling) {
  const SignalReader two(*store_, {"v2", "AVL"}, kRate, 0.8, Scaling::kMillivolt);
  std::vector<float> values(two.values());
  two.read(0, values);
  EXPECT_FLOAT_EQ(values[0], static_cast<float>(store_->signal(0)[7 * kSamples]) / 1000);
  EXPECT_FLOAT_EQ(values[kSamples], static_cast<float>(store_->signal(0)[4 * kSamples]) / 1000);
}

TEST_F(LoaderTest, ReaderRefusesWhatTheStoreLacks) {
  EXPECT_DERI_ERROR(SignalReader(*store_, {"I", "V7"}, kRate, 0.8, Scaling::kMillivolt),
                    AllOf(HasSubstr("no lead V7"), HasSubstr("V6")));
  EXPECT_DERI_ERROR(SignalReader(*store_, {}, kRate, 0.8, Scaling::kMillivolt), HasSubstr("no leads"));
  for (const auto& [rate, seconds] : {std::pair{0.0, 10.0},
                                      {-50.0, 1.0},
                                      {50.0, 0.0},
                                      {50.0, 1e9},
                                      {50.0, 0.001},
                                      {std::nan(""), 1.0},
                                      {INFINITY, 1.0}})
    EXPECT_DERI_ERROR(SignalReader(*store_, {"I"}, rate, seconds, Scaling::kMillivolt), HasSubstr("no input"));
}

// The published scaling over the leads together, written out.
TEST_F(LoaderTest, ReaderScalesWhatIsRead) {
  const SignalReader scaled = reader(Scaling::kRecordMinmax);
  std::vector<float> values(scaled.values());
  scaled.read(5, values);
  const auto raw = store_->signal(5);
  const auto [low, high] = std::minmax_element(raw.begin(), raw.end());
  for (std::size_t k = 0; k < kSamples; ++k) {
    const double expected = (raw[k] - *low) / 1000.0 / ((*high - *low) / 1000.0 + 1e-8);
    ASSERT_NEAR(values[k], expected, 1e-6);
  }
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 0.0F);
}

TEST_F(LoaderTest, ReaderCutsToTheMiddleBeforeScaling) {
  const SignalReader shorter(*store_, standard_leads(), kRate, 0.4, Scaling::kRecordMinmax);
  ASSERT_EQ(shorter.samples(), 20U);
  std::vector<float> values(shorter.values());
  shorter.read(1, values);
  EXPECT_EQ(*std::min_element(values.begin(), values.end()), 0.0F);
  EXPECT_NEAR(*std::max_element(values.begin(), values.end()), 1.0, 1e-6);
  const SignalReader plain(*store_, standard_leads(), kRate, 0.4, Scaling::kMillivolt);
  plain.read(1, values);
  for (std::size_t k = 0; k < 20; ++k) ASSERT_FLOAT_EQ(values[k], static_cast<float>(store_->signal(1)[10 + k]) / 1000);
}

TEST_F(LoaderTest, ReaderPadsWithZerosAfterScaling) {
  const SignalReader longer(*store_, {"I"}, kRate, 1.0, Scaling::kRecordMinmax);
  std::vector<float> values(longer.values());
  longer.read(1, values);
  ASSERT_EQ(values.size(), 50U);
  EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 5), Each(0.0F));
  EXPECT_THAT(std::vector<float>(values.end() - 5, values.end()), Each(0.0F));
  const SignalReader whole(*store_, {"I"}, kRate, 0.8, Scaling::kRecordMinmax);
  std::vector<float> unpadded(whole.values());
  whole.read(1, unpadded);
  EXPECT_TRUE(std::equal(unpadded.begin(), unpadded.end(), values.begin() + 5));
}

TEST_F(LoaderTest, ReaderResamplesLeadByLead) {
  const SignalReader doubled(*store_, {"II", "V1"}, 2 * kRate, 0.8, Scaling::kMillivolt);
  ASSERT_EQ(doubled.samples(), 2 * kSamples);
  std::vector<float> values(doubled.values());
  doubled.read(2, values);
  for (const auto& [lead, row] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 6}}) {
    std::vector<float> millivolts;
    for (std::size_t k = 0; k < kSamples; ++k)
      millivolts.push_back(static_cast<float>(store_->signal(2)[row * kSamples + k]) / 1000.0F);
    const std::vector<float> expected = resample(millivolts, kRate, 2 * kRate);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                           values.begin() + static_cast<std::ptrdiff_t>(lead * 2 * kSamples)));
  }
}

TEST_F(LoaderTest, GivesEveryRecordOnceWithItsOwnSignal) {
  for (const bool shuffle : {false, true}) {
    const SignalReader slow = reader(Scaling::kLeadZscore);
    Loader loader(slow, all(), {.batch = 5, .shuffle = shuffle, .seed = 3});
    EXPECT_EQ(loader.batches(), 5U);
    EXPECT_EQ(loader.records(), 23U);
    const std::vector<Batch> batches = epoch_of(loader, 0);
    EXPECT_THAT(sizes_of(batches), ElementsAre(5, 5, 5, 5, 3));
    for (const Batch& batch : batches) {
      ASSERT_EQ(batch.ecg.size(), batch.indices.size() * slow.values());
      std::vector<float> expected(slow.values());
      for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        slow.read(batch.indices[i], expected);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                               batch.ecg.begin() + static_cast<std::ptrdiff_t>(i * slow.values())));
      }
    }
    std::vector<std::size_t> seen = indices_of(batches);
    EXPECT_EQ(seen == all(), !shuffle);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, all());
  }
}

TEST_F(LoaderTest, KeepsToTheIndicesGiven) {
  Loader loader(reader(), {9, 4, 17}, {.batch = 2});
  EXPECT_THAT(indices_of(epoch_of(loader, 0)), ElementsAre(9U, 4U, 17U));
}

TEST_F(LoaderTest, OrderIsAFunctionOfSeedAndEpoch) {
  Loader loader(reader(), all(), {.batch = 4, .shuffle = true, .seed = 7});
  const auto first = indices_of(epoch_of(loader, 0));
  const auto second = indices_of(epoch_of(loader, 1));
  EXPECT_NE(first, second);
  EXPECT_NE(first, all());
  EXPECT_EQ(indices_of(epoch_of(loader, 0)), first);
  Loader again(reader(), all(), {.batch = 4, .shuffle = true, .seed = 7});
  EXPECT_EQ(indices_of(epoch_of(again, 1)), second);
  Loader other(reader(), all(), {.batch = 4, .shuffle = true, .seed = 8});
  EXPECT_NE(indices_of(epoch_of(other, 0)), first);
}

TEST_F(LoaderTest, ResumesInTheMiddleOfAnEpoch) {
  LoaderOptions options{.batch = 4, .shuffle = true, .seed = 7};
  options.augment = [](std::span<float> ecg, std::size_t, std::uint64_t seed) {
    ecg[0] += static_cast<float>(Rng(seed).uniform());
  };
  Loader loader(reader(), all(), options);
  const std::vector<Batch> whole = epoch_of(loader, 5);
  for (std::size_t first = 0; first <= loader.batches(); ++first) {
    Loader resumed(reader(), all(), options);
    expect_same(epoch_of(resumed, 5, first),
                std::vector<Batch>(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end()));
  }
  EXPECT_DERI_ERROR(loader.start_epoch(5, 7), HasSubstr("6 batches"));
}

TEST_F(LoaderTest, ThreadsAndPrefetchDoNotChangeTheBatches) {
  Loader plain(reader(Scaling::kRecordMinmax), all(), {.batch = 3, .shuffle = true, .seed = 1, .prefetch = 1});
  const std::vector<Batch> expected = epoch_of(plain, 2);
  for (const std::size_t threads : {1U, 2U, 5U})
    for (const std::size_t prefetch : {1U, 3U, 100U}) {
      Loader loader(reader(Scaling::kRecordMinmax), all(),
                    {.batch = 3, .shuffle = true, .seed = 1, .prefetch = prefetch, .threads = threads});
      expect_same(epoch_of(loader, 2), expected);
    }
}

TEST_F(LoaderTest, PrefetchBoundsWhatIsMadeAhead) {
  std::atomic<std::size_t> made{0};
  LoaderOptions options{.batch = 1, .prefetch = 3, .threads = 4};
  options.augment = [&](std::span<float>, std::size_t, std::uint64_t) { ++made; };
  Loader loader(reader(), all(), options);
  loader.start_epoch(0);
  for (std::size_t taken = 1; taken <= 23; ++taken) {
    ASSERT_TRUE(loader.next());
    EXPECT_GE(made, taken);
    EXPECT_LE(made, taken + 3);
  }
  EXPECT_FALSE(loader.next());
}

TEST_F(LoaderTest, CountsTheTimeItKeepsItsReaderWaiting) {
  LoaderOptions options;
  options.batch = 23;
  options.augment = [](std::span<float>, std::size_t, std::uint64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  Loader loader(reader(), all(), options);
  EXPECT_EQ(loader.seconds_waited(), 0);
  loader.start_epoch(0);
  ASSERT_TRUE(loader.next());
  const double waited = loader.seconds_waited();
  EXPECT_GT(waited, 0);  // the only batch was not there yet
  EXPECT_FALSE(loader.next());
  EXPECT_EQ(loader.seconds_waited(), waited);
  loader.start_epoch(1);
  EXPECT_EQ(loader.seconds_waited(), 0);
}

TEST_F(LoaderTest, LastBatchIsKeptDroppedOrJoined) {
  const auto sizes = [&](const LoaderOptions& options, std::size_t records) {
    std::vector<std::size_t> indices(records);
    std::iota(indices.begin(), indices.end(), 0U);
    Loader loader(reader(), indices, options);
    const std::vector<Batch> batches = epoch_of(loader, 0);
    EXPECT_EQ(batches.size(), loader.batches());
    EXPECT_EQ(indices_of(batches).size(), loader.records());
    return sizes_of(batches);
  };
  EXPECT_THAT(sizes({.batch = 4}, 9), ElementsAre(4, 4, 1));
  EXPECT_THAT(sizes({.batch = 4, .min_batch = 2}, 9), ElementsAre(4, 5));
  EXPECT_THAT(sizes({.batch = 4, .min_batch = 2}, 10), ElementsAre(4, 4, 2));
  EXPECT_THAT(sizes({.batch = 4, .drop_last = true, .min_batch = 2}, 9), ElementsAre(4, 4));
  EXPECT_THAT(sizes({.batch = 4, .min_batch = 2}, 8), ElementsAre(4, 4));
  EXPECT_THAT(sizes({.batch = 2, .min_batch = 2}, 3), ElementsAre(3));
  EXPECT_THAT(sizes({.batch = 50, .min_batch = 2}, 3), ElementsAre(3));
}

TEST_F(LoaderTest, RefusesOptionsThatLeaveNoBatch) {
  EXPECT_DERI_ERROR(Loader(reader(), {}, {}), HasSubstr("0 records"));
  EXPECT_DERI_ERROR(Loader(reader(), {1}, {.batch = 4, .min_batch = 2}), HasSubstr("at least 2"));
  EXPECT_DERI_ERROR(Loader(reader(), {1, 2}, {.batch = 4, .drop_last = true}), HasSubstr("left out"));
  EXPECT_DERI_ERROR(Loader(reader(), {1, 2}, {.batch = 1, .min_batch = 2}), HasSubstr("too small"));
  EXPECT_DERI_ERROR(Loader(reader(), {1}, {.batch = 0}), HasSubstr("at least 1"));
  EXPECT_DERI_ERROR(Loader(reader(), {1}, {.prefetch = 0}), HasSubstr("at least 1"));
  EXPECT_DERI_ERROR(Loader(reader(), {1}, {.threads = 0}), HasSubstr("at least 1"));
}

TEST_F(LoaderTest, AugmentsMillivoltsBeforeScalingWithASeedOfRecordAndEpoch) {
  std::mutex mutex;
  std::map<std::size_t, std::uint64_t> seeds;
  LoaderOptions options{.batch = 6, .shuffle = true, .seed = 21, .threads = 2};
  options.augment = [&](std::span<float> ecg, std::size_t index, std::uint64_t seed) {
    EXPECT_FLOAT_EQ(ecg[0], static_cast<float>(store_->signal(index)[0]) / 1000);  // mV, not yet scaled
    std::fill(ecg.begin(), ecg.end(), 1.0F);
    ecg[3] = 5;  // the scaling's maximum
    const std::lock_guard lock(mutex);
    seeds[index] = seed;
  };
  Loader loader(reader(Scaling::kRecordMinmax), all(), options);
  for (const Batch& batch : epoch_of(loader, 4)) {
    EXPECT_EQ(batch.ecg[0], 0.0F);
    EXPECT_NEAR(batch.ecg[3], 1.0, 1e-6);
  }
  ASSERT_EQ(seeds.size(), 23U);
  for (const auto& [index, seed] : seeds) EXPECT_EQ(seed, mix_seed(21, {fnv1a("augment"), 4, index}));
}

TEST_F(LoaderTest, ThrowsFromNextWhatWentWrongInTheBackground) {
  std::atomic<bool> broken{true};
  LoaderOptions options{.batch = 5, .threads = 2};
  options.augment = [&](std::span<float>, std::size_t index, std::uint64_t) {
    if (broken && index == 12) throw std::runtime_error("no more");
  };
  Loader loader(reader(), all(), options);
  loader.start_epoch(0);
  EXPECT_TRUE(loader.next());
  EXPECT_TRUE(loader.next());
  EXPECT_THROW(loader.next(), std::runtime_error);
  EXPECT_THROW(loader.next(), std::runtime_error);
  broken = false;
  EXPECT_EQ(indices_of(epoch_of(loader, 1)), all());
}

TEST_F(LoaderTest, CanBeLeftAtAnyMoment) {
  EXPECT_FALSE(Loader(reader(), all(), {}).next());  // no epoch was begun
  for (std::size_t taken = 0; taken < 4; ++taken) {
    Loader loader(reader(), all(), {.batch = 2, .prefetch = 2, .threads = 2});
    loader.start_epoch(0);
    for (std::size_t i = 0; i < taken; ++i) EXPECT_TRUE(loader.next());
    loader.start_epoch(1);
    EXPECT_THAT(loader.next()->indices, ElementsAre(0U, 1U));
  }
}

}  // namespace
}  // namespace deri
