// Files of real devices, against decoders written here from the formats' descriptions.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/ecg/biosig.hpp"
#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::filesystem::path formats() {
  return testing::shared_dir() / "data" / "formats";
}

class BiosigShared : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_biosig()) GTEST_SKIP() << "built without libbiosig";
  }
};

std::uint32_t number(const std::string& bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

// ---- EDF ----

struct EdfSignals {
  double rate = 0;
  std::vector<std::string> labels;
  std::vector<std::vector<double>> physical;
};

EdfSignals decode_edf(const std::string& bytes) {
  const auto text = [&](std::size_t at, std::size_t size) { return bytes.substr(at, size); };
  const std::size_t count = std::stoul(text(252, 4));
  const std::size_t records = std::stoul(text(236, 8));
  const auto field = [&](std::size_t before, std::size_t size, std::size_t i) {
    return text(256 + before * count + size * i, size);
  };
  EdfSignals signals;
  std::vector<std::size_t> per_record(count);
  for (std::size_t i = 0; i < count; ++i) {
    signals.labels.push_back(field(0, 16, i));
    per_record[i] = std::stoul(field(216, 8, i));
  }
  signals.rate = static_cast<double>(per_record[0]) / std::stod(text(244, 8));
  signals.physical.resize(count);
  std::size_t at = 256 * (count + 1);
  for (std::size_t record = 0; record < records; ++record) {
    for (std::size_t i = 0; i < count; ++i) {
      const double low = std::stod(field(104, 8, i)), high = std::stod(field(112, 8, i));
      const double digital_low = std::stod(field(120, 8, i)), digital_high = std::stod(field(128, 8, i));
      for (std::size_t k = 0; k < per_record[i]; ++k, at += 2) {
        const auto digital = static_cast<std::int16_t>(number(bytes, at, 2));
        signals.physical[i].push_back(low + (digital - digital_low) * (high - low) / (digital_high - digital_low));
      }
    }
  }
  return signals;
}

TEST_F(BiosigShared, TwelveLeadEdf) {
  const auto path = formats() / "contec-edf" / "0000050.ECG.edf";
  const Recording recording = read_edf(path);
  const EdfSignals expected = decode_edf(read_file(path));
  EXPECT_EQ(recording.rate, 800);
  EXPECT_DOUBLE_EQ(recording.rate, expected.rate);
  EXPECT_EQ(recording.recorded_at, "2020-11-16T21:44:39");
  EXPECT_EQ(recording.length(), 37855U);
  ASSERT_EQ(recording.leads.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(recording.leads[i].name, standard_leads()[i]);
    EXPECT_EQ(recording.leads[i].unit, "mV");
    ASSERT_EQ(recording.leads[i].samples.size(), expected.physical[i].size());
    for (std::size_t k = 0; k < expected.physical[i].size(); ++k)
      ASSERT_NEAR(recording.leads[i].samples[k], expected.physical[i][k],
                  1e-5 * (1 + std::abs(expected.physical[i][k])))
          << i << " " << k;
  }
}

TEST_F(BiosigShared, AnnotationsAloneAreNoSignal) {
  EXPECT_DERI_ERROR(read_edf(formats() / "wfdb-variants" / "test_edfann.edf"), HasSubstr("holds no signal"));
}

// ---- SCP-ECG ----

// Reads bits from the most significant on.
struct Bits {
  const std::string& bytes;
  std::size_t at, end;  // in bits
  int next() {
    if (at >= end) return 0;
    const int bit = static_cast<unsigned char>(bytes[at / 8]) >> (7 - at % 8) & 1;
    ++at;
    return bit;
  }
  int signed_number(int bits) {
    int value = next() != 0 ? -1 : 0;
    for (int i = 1; i < bits; ++i) value = value * 2 + next();
    return value;
  }
};

// The default Huffman table of EN 1064: "0" is 0; n ones, a zero and a sign bit are +-n up to 8; nine ones and a zero
// stand before 8 bits, ten ones before 16.
int huffman_number(Bits& bits) {
  int ones = 0;
  while (ones < 10 && bits.next() != 0) ++ones;
  if (ones == 0) return 0;
  if (ones == 9) return bits.signed_number(8);
  if (ones == 10) return bits.signed_number(16);
  return bits.next() != 0 ? -ones : ones;
}

struct ScpSignals {
  std::vector<std::vector<double>> millivolts;
  int interval = 0;  // us
};

// Files without bimodal compression and without subtracted reference beats only.
ScpSignals decode_scp(const std::string& bytes) {
  std::map<std::uint32_t, std::pair<std::size_t, std::size_t>> sections;  // position of the content, size
  for (std::size_t at = 22; at < 6 + number(bytes, 10, 4); at += 10)
    if (const auto size = number(bytes, at + 2, 4); size > 16)
      sections[number(bytes, at, 2)] = {number(bytes, at + 6, 4) - 1 + 16, size - 16};
  const std::size_t spans = sections.at(3).first, data = sections.at(6).first;
  const std::size_t leads = number(bytes, spans, 1);
  EXPECT_EQ(number(bytes, spans + 1, 1) & 1U, 0U) << "reference beats were subtracted";
  EXPECT_EQ(number(bytes, data + 5, 1), 0U) << "bimodal compression";
  const double unit = number(bytes, data, 2) * 1e-6;
  const std::uint32_t differences = number(bytes, data + 4, 1);
  ScpSignals signals{{}, static_cast<int>(number(bytes, data + 2, 2))};
  std::size_t at = data + 6 + 2 * leads;
  for (std::size_t i = 0; i < leads; ++i) {
    const std::size_t size = number(bytes, data + 6 + 2 * i, 2);
    const std::uint32_t first = number(bytes, spans + 2 + 9 * i, 4), last = number(bytes, spans + 6 + 9 * i, 4);
    std::size_t samples = last - first + 1;
    std::vector<int> values;
    if (sections.count(2) != 0) {
      EXPECT_EQ(number(bytes, sections.at(2).first, 2), 19999U) << "a Huffman table of its own";
      Bits bits{bytes, 8 * at, 8 * (at + size)};
      for (std::size_t k = 0; k < samples; ++k) values.push_back(huffman_number(bits));
    } else {
      samples = size / 2;
      for (std::size_t k = 0; k < samples; ++k)
        values.push_back(static_cast<std::int16_t>(number(bytes, at + 2 * k, 2)));
    }
    for (std::size_t k = differences; differences > 0 && k < samples; ++k)
      values[k] += differences == 1 ? values[k - 1] : 2 * values[k - 1] - values[k - 2];
    std::vector<double>& lead = signals.millivolts.emplace_back();
    for (const int value : values) lead.push_back(value * unit);
    at += size;
  }
  return signals;
}

void expect_scp(const Recording& recording, const ScpSignals& expected, const std::vector<std::string>& order) {
  EXPECT_DOUBLE_EQ(recording.rate, 1e6 / expected.interval);
  ASSERT_EQ(expected.millivolts.size(), order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Lead* lead = recording.find(order[i]);
    ASSERT_NE(lead, nullptr) << order[i];
    ASSERT_EQ(lead->samples.size(), expected.millivolts[i].size());
    for (std::size_t k = 0; k < lead->samples.size(); ++k)
      ASSERT_NEAR(lead->samples[k], expected.millivolts[i][k], 1e-5) << order[i] << " " << k;
  }
}

// Largest difference between III and II - I, in mV.
double einthoven(const Recording& recording) {
  double worst = 0;
  const auto &i = recording.find("I")->samples, &ii = recording.find("II")->samples,
             &iii = recording.find("III")->samples;
  for (std::size_t k = 0; k < i.size(); ++k)
    worst = std::max(worst, std::abs(static_cast<double>(ii[k]) - i[k] - iii[k]));
  return worst;
}

TEST_F(BiosigShared, HuffmanCodedScpWithTwelveLeads) {
  const auto path = formats() / "scp" / "Example.scp";
  const Recording recording = read_scp(path);
  EXPECT_EQ(recording.length(), 5000U);
  EXPECT_EQ(recording.recorded_at, "2002-11-22T09:10:00");
  EXPECT_EQ(recording.patient.id, "SBJ-123");
  EXPECT_EQ(recording.patient.sex, "male");
  EXPECT_NEAR(recording.patient.age.value_or(0), 49.54, 0.01);  // born 1953-05-08
  EXPECT_THAT(recording.notes, IsEmpty());
  expect_scp(recording, decode_scp(read_file(path)),
             {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6", "III", "aVR", "aVL", "aVF"});
  EXPECT_LT(einthoven(recording), 0.0076);  // three steps of 2.5 uV
}

TEST_F(BiosigShared, PlainScpWithEightLeads) {
  const auto path = formats() / "scp" / "demo.scp";
  const Recording recording = read_scp(path);
  EXPECT_EQ(recording.length(), 10000U);  // libbiosig says 10001
  EXPECT_EQ(recording.recorded_at, "2004-06-24T16:52:16");
  EXPECT_EQ(recording.leads.size(), 12U);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("III, aVR, aVL, aVF were computed")));
  expect_scp(recording, decode_scp(read_file(path)), {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"});
}

}  // namespace
}  // namespace deri
