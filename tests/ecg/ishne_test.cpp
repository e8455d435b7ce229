// Holter files in the published layout, written here.

#include "deri/ecg/ishne.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string int16(int value) {
  const auto bits = static_cast<std::uint16_t>(value);
  return {static_cast<char>(bits & 0xFF), static_cast<char>(bits >> 8)};
}
std::string int32(int value) {
  return int16(value & 0xFFFF) + int16(static_cast<int>(static_cast<unsigned>(value) >> 16));
}
std::string field(std::string text, std::size_t size) {
  text.resize(size, '\0');
  return text;
}

struct IshneFile {
  std::string variable = "a note of any length";
  std::vector<int> leads{5, 6, 11};  // I, II, V1
  std::vector<int> nanovolts{2500, 5000, 1000};
  int samples = 1000;
  int promised = 1000;
  int lead_count = 3;
  int rate = 200;
  int offset = -1;  // -1: as it is

  static int digital(std::size_t lead, int k) {
    if (k < 2) return k == 0 ? 32767 : -32768;
    return (k * 7 + static_cast<int>(lead) * 100) % 4000 - 2000;
  }
  std::string bytes() const {
    const int data = 522 + static_cast<int>(variable.size());
    std::string head = int32(static_cast<int>(variable.size())) + int32(promised) + int32(522) +
                       int32(offset < 0 ? data : offset) + int16(1) + field("Ada", 40) + field("Lovelace", 40) +
                       field("PAT-7", 20) + int16(2) + int16(1);
    for (const int number : {10, 12, 1950, 1, 3, 2014, 2, 3, 2014, 10, 20, 30, lead_count}) head += int16(number);
    for (std::size_t i = 0; i < 12; ++i) head += int16(i < leads.size() ? leads[i] : -9);
    for (std::size_t i = 0; i < 12; ++i) head += int16(0);
    for (std::size_t i = 0; i < 12; ++i) head += int16(i < nanovolts.size() ? nanovolts[i] : -9);
    head += int16(0) + field("digital", 40) + int16(rate) + std::string(248, '\0') + variable;
    unsigned crc = 0xFFFF;
    for (const char c : head) {
      crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xFFFF : crc << 1;
    }
    std::string text = "ISHNE1.0" + int16(static_cast<int>(crc)) + head;
    for (int k = 0; k < samples; ++k)
      for (std::size_t i = 0; i < leads.size(); ++i) text += int16(digital(i, k));
    return text;
  }
};

class Ishne : public ::testing::Test {
 protected:
  Recording read(const std::string& bytes) const {
    write_file_atomic(folder_.path() / "a.ecg", bytes, Survives::kKill);
    return read_ishne(folder_.path() / "a.ecg");
  }
  Recording read(const IshneFile& file) const { return read(file.bytes()); }

 private:
  TemporaryDirectory folder_;
};

TEST_F(Ishne, AllSamplesInMillivolts) {
  for (const std::string& variable : {std::string(), std::string(5000, 'x')}) {
    IshneFile file;
    file.variable = variable;
    const Recording recording = read(file);
    EXPECT_EQ(recording.format, "ISHNE");
    EXPECT_EQ(recording.rate, 200);
    EXPECT_EQ(recording.patient.id, "PAT-7");
    EXPECT_EQ(recording.patient.sex, "female");
    EXPECT_NEAR(recording.patient.age.value_or(0), 63.22, 0.01);
    EXPECT_EQ(recording.recorded_at, "2014-03-01T10:20:30");
    EXPECT_THAT(recording.notes, IsEmpty());
    const std::vector<std::string> names{"I", "II", "V1"};
    ASSERT_EQ(recording.leads.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(recording.leads[i].name, names[i]);
      ASSERT_EQ(recording.leads[i].samples.size(), 1000U);
      for (int k = 0; k < 1000; ++k)
        ASSERT_FLOAT_EQ(recording.leads[i].samples[static_cast<std::size_t>(k)],
                        static_cast<float>(IshneFile::digital(i, k) * file.nanovolts[i] * 1e-6));
    }
  }
}

TEST_F(Ishne, CountOfAllLeadsTogether) {
  IshneFile file;
  file.promised = 3000;
  EXPECT_EQ(read(file).length(), 1000U);
}

TEST_F(Ishne, UnknownLeadsAreNumbered) {
  IshneFile file;
  file.leads = {1, 99, 18};
  const Recording recording = read(file);
  EXPECT_EQ(recording.leads[0].name, "lead 1");
  EXPECT_EQ(recording.leads[1].name, "lead 2");
  EXPECT_EQ(recording.leads[2].name, "AS");
}

TEST_F(Ishne, AWrongChecksumIsNoted) {
  std::string bytes = IshneFile().bytes();
  bytes[30] = 'B';
  EXPECT_THAT(read(bytes).notes, ElementsAre(HasSubstr("checksum")));
}

TEST_F(Ishne, MalformedFilesAreErrors) {
  const std::string good = IshneFile().bytes();
  EXPECT_DERI_ERROR(read(""), AllOf(HasSubstr("a.ecg: "), HasSubstr("no ISHNE file")));
  EXPECT_DERI_ERROR(read(good.substr(0, 521)), HasSubstr("no ISHNE file"));
  EXPECT_DERI_ERROR(read("ANN  1.0" + good.substr(8)), HasSubstr("no ISHNE file"));
  EXPECT_DERI_ERROR(read(good.substr(0, good.size() - 1)),
                    HasSubstr("promises 1000 samples per lead, the file holds 999"));
  IshneFile file;
  file.lead_count = 0;
  EXPECT_DERI_ERROR(read(file), HasSubstr("0 leads"));
  file.lead_count = 13;
  EXPECT_DERI_ERROR(read(file), HasSubstr("13 leads"));
  file = {};
  file.rate = 0;
  EXPECT_DERI_ERROR(read(file), HasSubstr("rate of 0 Hz"));
  file = {};
  file.nanovolts[1] = -9;
  EXPECT_DERI_ERROR(read(file), HasSubstr("lead II has a resolution of -9 nV"));
  file = {};
  file.promised = -1;
  EXPECT_DERI_ERROR(read(file), HasSubstr("-1 samples"));
  file.promised = 0x7FFFFFFF;
  EXPECT_DERI_ERROR(read(file), HasSubstr("2147483647 samples"));
  for (const int offset : {0, 521, 1 << 30, -7}) {
    IshneFile wrong;
    std::string bytes = wrong.bytes();
    bytes.replace(22, 4, int32(offset));
    EXPECT_DERI_ERROR(read(bytes), HasSubstr("begin at byte"));
  }
}

}  // namespace
}  // namespace deri
