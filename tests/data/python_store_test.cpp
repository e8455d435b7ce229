#include "deri/data/python_store.hpp"

#include <cmath>

#include "testing/testing.hpp"

#include "deri/base/npy.hpp"
#include "deri/data/loader.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kSamples = 20;

// A folder as numpy.save and pandas' to_csv leave it.
class PythonStoreTest : public ::testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }

  static std::vector<std::int16_t> values(std::int64_t records, int first) {
    std::vector<std::int16_t> numbers;
    for (std::int64_t i = 0; i < records * 12 * kSamples; ++i)
      numbers.push_back(static_cast<std::int16_t>((first + 13 * i) % 1001));
    return numbers;
  }
  void write_array(const std::string& name, std::int64_t records, int first) const {
    write_npy<std::int16_t>(at(name), {records, 12, kSamples}, values(records, first));
  }
  void write(const std::string& name, const std::string& text) const { write_file_atomic(at(name), text); }

  void write_folder() const {
    write_array("train.npy", 3, 0);
    write_array("val.npy", 2, 5);
    write("train.csv",
          "subject_id,study_id,report_0,report_length,total_report\n"
          "11,101,Sinus rhythm,4,sinus rhythm. normal ecg.\n12,102,,5,\"a, b.\"\n11,101,,5,again.\n");
    write("val.csv", "subject_id,study_id,total_report\n13,103,x.\n14,104,y.\n");
  }

  TemporaryDirectory folder_;
};

TEST_F(PythonStoreTest, OpensAsAStore) {
  write_folder();
  const Store store(folder_.path());
  EXPECT_EQ(store.info().rate, 500);
  EXPECT_EQ(store.info().leads, mimic_leads());
  EXPECT_EQ(store.info().samples, kSamples);
  ASSERT_EQ(store.size(), 5U);
  EXPECT_THAT(store.split("train"), ElementsAre(0U, 1U, 2U));
  EXPECT_THAT(store.split("validation"), ElementsAre(3U, 4U));
  EXPECT_EQ(store.record(0).id, "101");
  EXPECT_EQ(store.record(0).patient, "11");
  EXPECT_EQ(store.record(0).report, "sinus rhythm. normal ecg.");
  EXPECT_EQ(store.record(1).report, "a, b.");
  EXPECT_EQ(store.record(2).id, "101-2");
  EXPECT_EQ(store.record(4).id, "104");
  const auto train = values(3, 0), validation = values(2, 5);
  EXPECT_TRUE(std::ranges::equal(store.signal(2), std::span(train).subspan(2 * 12 * kSamples)));
  EXPECT_TRUE(std::ranges::equal(store.signal(4), std::span(validation).subspan(12 * kSamples)));
  EXPECT_NO_THROW(store.verify());
  // What the released code reads: the array divided by 1000.
  const SignalReader reader(store, mimic_leads(), 500, static_cast<double>(kSamples) / 500, Scaling::kMillivolt);
  std::vector<float> out(reader.values());
  reader.read(3, out);
  EXPECT_FLOAT_EQ(out[1], 0.018F);
}

TEST_F(PythonStoreTest, TheOtherNamesAndTypes) {
  write_folder();
  fs::rename(at("train.npy"), at("mimic_ecg_train.npy"));
  std::vector<float> numbers(static_cast<std::size_t>(2 * 12 * kSamples), 0.25F);
  numbers[0] = std::nanf("");
  numbers[1] = -1e30F;
  numbers[2] = 0.0126F;
  fs::remove(at("val.npy"));
  write_npy<float>(at("mimic_ecg_val.npy"), {2, 12, kSamples}, numbers);
  write("val.csv", "total_report\nx\ny\n");
  const Store store(folder_.path());
  EXPECT_EQ(store.signal(3)[0], 0);
  EXPECT_EQ(store.signal(3)[1], -32767);
  EXPECT_EQ(store.signal(3)[2], 13);
  EXPECT_EQ(store.signal(4)[0], 250);
  EXPECT_EQ(store.record(3).id, "validation-0");
  EXPECT_EQ(store.record(3).patient, "");
}

TEST_F(PythonStoreTest, TheFingerprintKnowsTheData) {
  write_folder();
  const std::uint64_t before = Store(folder_.path()).checksum();
  EXPECT_EQ(Store(folder_.path()).checksum(), before);
  write_array("val.npy", 2, 6);
  EXPECT_NE(Store(folder_.path()).checksum(), before);
}

TEST_F(PythonStoreTest, RefusesWhatDoesNotFit) {
  write_folder();
  const std::string train = read_file(at("train.csv"));
  write("train.csv", train + "1,2,,3,z\n");
  EXPECT_DERI_ERROR(Store(folder_.path()), AllOf(HasSubstr("train.csv"), HasSubstr("more records")));
  write("train.csv", train.substr(0, train.find("11,101,,5")));
  EXPECT_DERI_ERROR(Store(folder_.path()), AllOf(HasSubstr("lists 2 records"), HasSubstr("holds 3")));
  write("train.csv", "study_id,text\n1,x\n");
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("no column 'report'"));
  write_folder();
  write_npy<std::int16_t>(at("val.npy"), {2, 12, 2}, std::vector<std::int16_t>(48));
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("20 samples"));
  write_npy<std::int16_t>(at("val.npy"), {2, 6, 40}, std::vector<std::int16_t>(480));
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("[2, 6, 40]"));
  write_npy<std::int16_t>(at("val.npy"), {0, 12, std::int64_t{1} << 60}, std::vector<std::int16_t>());
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("shape"));
  write_npy<std::int32_t>(at("val.npy"), {2, 12, 20}, std::vector<std::int32_t>(480));
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("'<i4'"));
  fs::remove(at("val.npy"));
  EXPECT_DERI_ERROR(Store(folder_.path()), HasSubstr("not a store"));
}

}  // namespace
}  // namespace deri
