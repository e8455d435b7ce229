// SCP-ECG, EDF and BDF files written here, byte by byte.

#include "deri/ecg/biosig.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string little_endian(std::int64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * static_cast<unsigned>(i)) & 0xFF);
  return text;
}

std::string field(std::string text, std::size_t size) {
  text.resize(size, ' ');
  return text;
}

// ---- EDF and BDF ----

struct EdfSignal {
  std::string label, unit, physical_min, physical_max;
  int digital_min, digital_max;
  int per_record;
  std::string filter = "";
};

struct EdfFile {
  bool bdf = false;
  std::string reserved = "";
  std::string patient = "MCH-0234567 F 02-MAY-1951 Haagse_Harry", recording = "Startdate 02-MAR-2014 X X X";
  std::string duration = "1";
  int records = 4;
  std::vector<EdfSignal> signals = {};

  // The sample that stands in the file: the extremes first, then a saw tooth that differs by signal.
  int digital(std::size_t signal, int k) const {
    if (k == 0) return signals[signal].digital_max;
    if (k == 1) return signals[signal].digital_min;
    return (k * 37 + static_cast<int>(signal) * 11) % 2000 - 1000;
  }
  double physical(std::size_t signal, int k) const {
    const EdfSignal& s = signals[signal];
    const double low = std::stod(s.physical_min), high = std::stod(s.physical_max);
    return low + (digital(signal, k) - s.digital_min) * (high - low) / (s.digital_max - s.digital_min);
  }
  std::string bytes() const {
    std::string text = bdf ? "\xFF"
                             "BIOSEMI"
                           : "0       ";
    const std::size_t count = signals.size();
    text += field(patient, 80) + field(recording, 80) + "02.03.14" + "10.20.30";
    text += field(std::to_string(256 * (count + 1)), 8) + field(reserved, 44) + field(std::to_string(records), 8);
    text += field(duration, 8) + field(std::to_string(count), 4);
    for (const EdfSignal& s : signals) text += field(s.label, 16);
    text += field("", 80 * count);
    for (const EdfSignal& s : signals) text += field(s.unit, 8);
    for (const EdfSignal& s : signals) text += field(s.physical_min, 8);
    for (const EdfSignal& s : signals) text += field(s.physical_max, 8);
    for (const EdfSignal& s : signals) text += field(std::to_string(s.digital_min), 8);
    for (const EdfSignal& s : signals) text += field(std::to_string(s.digital_max), 8);
    for (const EdfSignal& s : signals) text += field(s.filter, 80);
    for (const EdfSignal& s : signals) text += field(std::to_string(s.per_record), 8);
    text += field("", 32 * count);
    for (int record = 0; record < records; ++record)
      for (std::size_t i = 0; i < count; ++i)
        for (int k = 0; k < signals[i].per_record; ++k)
          text += little_endian(digital(i, record * signals[i].per_record + k), bdf ? 3 : 2);
    return text;
  }
};

EdfSignal microvolts(const std::string& label, int per_record) {
  return {label, "uV", "-3276.8", "3276.7", -32768, 32767, per_record};
}

class BiosigFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_biosig()) GTEST_SKIP() << "built without libbiosig";
  }
  std::filesystem::path file(const std::string& name, const std::string& bytes) const {
    write_file_atomic(folder_.path() / name, bytes, Survives::kKill);
    return folder_.path() / name;
  }
  Recording edf(const EdfFile& content) const { return read_edf(file("a.edf", content.bytes())); }
  Recording scp(const std::string& bytes) const { return read_scp(file("a.scp", bytes)); }

 private:
  TemporaryDirectory folder_;
};

class Edf : public BiosigFiles {};

TEST_F(Edf, SamplesInMillivolts) {
  const EdfFile content{.signals = {microvolts("ECG I", 500),
                                    {"EKG V1", "mV", "-5", "5", -2048, 2047, 500},
                                    {"ecg_avr", "V", "-0.01", "0.01", -1000, 1000, 500}}};
  const Recording recording = edf(content);
  EXPECT_EQ(recording.format, "EDF");
  EXPECT_EQ(recording.rate, 500);
  EXPECT_EQ(recording.length(), 2000U);
  EXPECT_EQ(recording.recorded_at, "2014-03-02T10:20:30");
  EXPECT_THAT(recording.notes, IsEmpty());
  const std::vector<std::string> names{"I", "V1", "aVR"};
  const std::vector<double> factors{1e-3, 1, 1e3};
  ASSERT_EQ(recording.leads.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(recording.leads[i].name, names[i]);
    EXPECT_EQ(recording.leads[i].unit, "mV");
    for (int k = 0; k < 2000; ++k) {
      const double expected = content.physical(i, k) * factors[i];
      ASSERT_NEAR(recording.leads[i].samples[static_cast<std::size_t>(k)], expected, 1e-6 + 1e-6 * std::abs(expected));
    }
  }
}

TEST_F(Edf, SlowerChannelsAreHeldAtTheHighestRate) {
  const EdfFile content{
      .signals = {microvolts("II", 500), microvolts("V1", 250), {"Resp", "mmHg", "0", "100", 0, 1000, 200}}};
  const Recording recording = edf(content);
  EXPECT_EQ(recording.rate, 500);
  ASSERT_EQ(recording.length(), 2000U);
  for (int k = 0; k < 2000; ++k) {
    const auto at = static_cast<std::size_t>(k);
    ASSERT_NEAR(recording.leads[0].samples[at], content.physical(0, k) / 1000, 1e-6);
    ASSERT_NEAR(recording.leads[1].samples[at], content.physical(1, k / 2) / 1000, 1e-6);
    // Within its record: five samples of ours for two of its own.
    const int own = k / 500 * 200 + k % 500 * 200 / 500;
    ASSERT_NEAR(recording.leads[2].samples[at], content.physical(2, own), 1e-4) << k;
  }
  EXPECT_EQ(recording.leads[2].unit, "mmHg");
  EXPECT_THAT(recording.notes,
              ElementsAre(HasSubstr("V1 was sampled at 250 Hz"), HasSubstr("Resp was sampled at 200 Hz")));
}

TEST_F(Edf, RecordsOfAFractionOfASecond) {
  const EdfFile content{.duration = "0.00125", .records = 9000, .signals = {microvolts("I", 1), microvolts("II", 1)}};
  const Recording recording = edf(content);
  EXPECT_DOUBLE_EQ(recording.rate, 800);
  ASSERT_EQ(recording.length(), 9000U);
  for (int k = 0; k < 9000; ++k)
    ASSERT_NEAR(recording.leads[1].samples[static_cast<std::size_t>(k)], content.physical(1, k) / 1000, 1e-6);
}

TEST_F(Edf, PlusSaysWhoAndLeavesAnnotationsOut) {
  EdfFile content{.reserved = "EDF+C", .signals = {microvolts("ECG II", 500)}};
  content.signals[0].filter = "HP:0.05Hz LP:150Hz";
  content.signals.push_back({"EDF Annotations", "", "-1", "1", -32768, 32767, 30});
  std::string bytes = content.bytes();
  // Each record's annotations must be text.
  for (std::size_t record = 0; record < 4; ++record) {
    std::string annotation = std::string("+") + std::to_string(record) + "\x14\x14";
    annotation.resize(60, '\0');
    bytes.replace(256 * 3 + record * 1060 + 1000, 60, annotation);
  }
  const Recording recording = read_edf(file("p.edf", bytes));
  EXPECT_EQ(recording.format, "EDF+");
  ASSERT_EQ(recording.leads.size(), 1U);
  EXPECT_EQ(recording.length(), 2000U);
  EXPECT_NEAR(recording.leads[0].samples[100], content.physical(0, 100) / 1000, 1e-6);
  EXPECT_EQ(recording.patient.id, "MCH-0234567");
  EXPECT_EQ(recording.patient.sex, "female");
  EXPECT_NEAR(recording.patient.age.value_or(0), 62.83, 0.01);
  EXPECT_EQ(recording.filters.high_pass, 0.05);
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_EQ(recording.filters.notch, std::nullopt);
}

TEST_F(Edf, BdfHas24Bits) {
  EdfFile content{.bdf = true, .reserved = "24BIT"};
  content.signals = {{"ECG I", "uV", "-262144", "262143", -8388608, 8388607, 512},
                     {"ECG II", "uV", "-262144", "262143", -8388608, 8388607, 512}};
  const Recording recording = edf(content);
  EXPECT_EQ(recording.format, "BDF");
  EXPECT_EQ(recording.rate, 512);
  ASSERT_EQ(recording.length(), 2048U);
  for (std::size_t i = 0; i < 2; ++i)
    for (int k = 0; k < 2048; ++k)
      ASSERT_NEAR(recording.leads[i].samples[static_cast<std::size_t>(k)], content.physical(i, k) / 1000,
                  1e-6 + 1e-6 * std::abs(content.physical(i, k) / 1000));
}

TEST_F(Edf, AnUnknownNumberOfRecordsIsAllThereAre) {
  const EdfFile content{.signals = {microvolts("I", 500), microvolts("II", 500)}};
  std::string bytes = content.bytes();
  bytes.replace(236, 8, "-1      ");
  EXPECT_EQ(read_edf(file("a.edf", bytes)).length(), 2000U);
}

TEST_F(Edf, InterruptedRecordingsSaySo) {
  EdfFile content{.reserved = "EDF+D", .signals = {microvolts("I", 500)}};
  EXPECT_THAT(edf(content).notes, ElementsAre(HasSubstr("interrupted")));
}

TEST_F(Edf, MalformedFilesAreErrors) {
  const EdfFile content{.signals = {microvolts("I", 500), microvolts("II", 500)}};
  const std::string good = content.bytes();
  const auto refused = [&](const std::string& bytes, const auto& matcher) {
    EXPECT_DERI_ERROR(read_edf(file("bad.edf", bytes)), AllOf(HasSubstr("bad.edf: "), matcher));
  };
  refused("", HasSubstr("neither EDF nor BDF"));
  refused("0       ", HasSubstr("neither EDF nor BDF"));
  refused("GDF 2.10" + good.substr(8), HasSubstr("neither EDF nor BDF"));
  refused(good.substr(0, 256), HasSubstr("ends within its header"));
  refused(good.substr(0, 700), HasSubstr("ends within its header"));
  refused(good.substr(0, good.size() - 600),
          HasSubstr("4 records of samples are promised, the file holds 3: it is cut off"));
  std::string wrong = good;
  for (const char* channels : {"0   ", "-2  ", "two ", "    "}) {
    wrong.replace(252, 4, channels);
    refused(wrong, HasSubstr("no number of channels"));
  }
  wrong.replace(252, 4, "9999");
  refused(wrong, HasSubstr("ends within its header"));
  wrong = good;
  wrong.replace(244, 8, "0       ");
  refused(wrong, HasSubstr("sampling rate"));
  wrong = good;
  wrong.replace(236, 8, "99999999");
  refused(wrong, HasSubstr("99999999 records of samples are promised, the file holds 4"));
  for (const char* records : {"0       ", "-2      ", "1e3     "}) {
    wrong.replace(236, 8, records);
    refused(wrong, HasSubstr("no number of records"));
  }
  for (const char* samples : {"0       ", "-500    ", "x       ", "99999999"}) {
    wrong = good;
    wrong.replace(256 + 2 * 216, 8, samples);
    refused(wrong, AnyOf(HasSubstr("channel 1 has no number of samples"), HasSubstr("cut off")));
  }
}

// Whatever a byte becomes: a recording or an Error.
TEST_F(Edf, NoWrongByteIsFatal) {
  const EdfFile content{.records = 2, .signals = {microvolts("I", 50), microvolts("II", 25)}};
  const std::string good = content.bytes();
  Rng rng(7);
  for (int i = 0; i < 150; ++i) {
    std::string bytes = good;
    for (int hits = 0; hits < 3; ++hits) bytes[8 + rng.below(256 * 3 - 8)] = "0123456789-.9 \0\xFF"[rng.below(16)];
    const auto path = file("bad.edf", bytes);
    try {
      read_edf(path);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("bad.edf"));
    }
  }
}

// ---- SCP-ECG ----

std::string scp_section(int id, const std::string& content) {
  return little_endian(0, 2) + little_endian(id, 2) + little_endian(static_cast<std::int64_t>(content.size()) + 16, 4) +
         "\x14\x14" + std::string(6, '\0') + content;
}

std::string scp_tag(int tag, const std::string& content) {
  return little_endian(tag, 1) + little_endian(static_cast<std::int64_t>(content.size()), 2) + content;
}

struct ScpFile {
  std::vector<int> leads{1, 2, 3, 4, 5, 6, 7, 8};  // I, II, V1 .. V6
  int first = 1;
  int samples = 600;
  int nanovolts = 2500;
  std::string statement = "SINUS RHYTHM";

  static int digital(std::size_t lead, int k) { return (k * 13 + static_cast<int>(lead) * 101) % 900 - 450; }

  std::string bytes() const {
    const auto count = static_cast<std::int64_t>(leads.size());
    std::string who = scp_tag(2, std::string("PAT-9\0", 6)) + scp_tag(4, little_endian(57, 2) + "\x01") +
                      scp_tag(8, "\x02") + scp_tag(14, std::string(40, '\0')) +
                      scp_tag(25, little_endian(2014, 2) + "\x03\x02") + scp_tag(26, "\x0A\x14\x1E") + scp_tag(255, "");
    std::string spans = little_endian(count, 1) + little_endian(4 | count << 3, 1);
    std::string data = little_endian(nanovolts, 2) + little_endian(2000, 2) + std::string(2, '\0');
    for (const int lead : leads) {
      const int last = first == 0 ? samples : first + samples - 1;
      spans += little_endian(first, 4) + little_endian(last, 4) + little_endian(lead, 1);
      data += little_endian(2 * samples, 2);
    }
    for (std::size_t i = 0; i < leads.size(); ++i)
      for (int k = 0; k < samples; ++k) data += little_endian(digital(i, k), 2);
    const std::string words = statement + std::string(1, '\0');
    const std::string report = std::string("\x01", 1) + little_endian(2014, 2) + "\x03\x02\x0A\x14\x1E" + "\x01" +
                               "\x01" + little_endian(static_cast<std::int64_t>(words.size()), 2) + words;
    return assemble({{1, who}, {3, spans}, {6, data}, {8, report}});
  }

  static std::string assemble(const std::vector<std::pair<int, std::string>>& contents) {
    std::string directory, body;
    const std::size_t head = 16 + 10 * 12;
    for (int id = 0; id < 12; ++id) {
      std::string section;
      for (const auto& [number, content] : contents)
        if (number == id) section = scp_section(id, content);
      const std::size_t size = id == 0 ? head : section.size();
      const std::size_t at = id == 0 ? 7 : section.empty() ? 0 : 6 + head + body.size() + 1;
      directory += little_endian(id, 2) + little_endian(static_cast<std::int64_t>(size), 4) +
                   little_endian(static_cast<std::int64_t>(at), 4);
      body += section;
    }
    std::string zero = scp_section(0, directory);
    zero.replace(10, 6, "SCPECG");
    std::string bytes = zero + body;
    bytes = little_endian(static_cast<std::int64_t>(bytes.size()) + 6, 4) + bytes;
    return little_endian(checksum(bytes), 2) + bytes;
  }
  static int checksum(const std::string& bytes) {
    unsigned crc = 0xFFFF;
    for (const char c : bytes) {
      crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xFFFF : crc << 1;
    }
    return static_cast<int>(crc);
  }
};

class Scp : public BiosigFiles {};

TEST_F(Scp, EightStoredLeadsBecomeTwelve) {
  const ScpFile content;
  const Recording recording = scp(content.bytes());
  EXPECT_EQ(recording.format, "SCP-ECG");
  EXPECT_EQ(recording.rate, 500);
  EXPECT_EQ(recording.patient.id, "PAT-9");
  EXPECT_EQ(recording.patient.age, 57);
  EXPECT_EQ(recording.patient.sex, "female");
  EXPECT_EQ(recording.recorded_at, "2014-03-02T10:20:30");
  EXPECT_THAT(recording.statements, ElementsAre("SINUS RHYTHM"));
  EXPECT_THAT(recording.notes, ElementsAre("III, aVR, aVL, aVF were computed from I and II"));
  std::vector<std::string> names;
  for (const Lead& lead : recording.leads) names.push_back(lead.name);
  EXPECT_THAT(names, ElementsAre("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"));
  const std::vector<std::string> stored{"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const Lead& lead = *recording.find(stored[i]);
    ASSERT_EQ(lead.samples.size(), 600U);
    for (int k = 0; k < 600; ++k)
      ASSERT_NEAR(lead.samples[static_cast<std::size_t>(k)], ScpFile::digital(i, k) * 0.0025, 1e-6) << stored[i] << k;
  }
  EXPECT_NEAR(recording.find("III")->samples[5], (ScpFile::digital(1, 5) - ScpFile::digital(0, 5)) * 0.0025, 1e-6);
}

// Counted from 0, libbiosig reads one sample too many.
TEST_F(Scp, SamplesCountedFromZero) {
  ScpFile content;
  content.first = 0;
  const Recording recording = scp(content.bytes());
  ASSERT_EQ(recording.length(), 600U);
  EXPECT_NEAR(recording.find("V6")->samples[599], ScpFile::digital(7, 599) * 0.0025, 1e-6);
  EXPECT_NEAR(recording.find("V1")->samples[0], ScpFile::digital(2, 0) * 0.0025, 1e-6);
}

TEST_F(Scp, MalformedFilesAreErrors) {
  const std::string good = ScpFile().bytes();
  EXPECT_DERI_ERROR(scp(""), HasSubstr("a.scp: no SCP-ECG file"));
  EXPECT_DERI_ERROR(scp(std::string(100, 'x')), HasSubstr("no SCP-ECG file"));
  for (const std::size_t size : {22UL, 100UL, 160UL, 300UL, 2000UL, good.size() - 100})
    EXPECT_DERI_ERROR(scp(good.substr(0, size)), HasSubstr("a.scp: "));
}

TEST_F(Scp, AWrongChecksumIsNoted) {
  std::string bytes = ScpFile().bytes();
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  EXPECT_THAT(scp(bytes).notes, ::testing::Contains(HasSubstr("checksum is wrong")));
}

TEST_F(Scp, NoWrongByteIsFatal) {
  const std::string good = ScpFile().bytes();
  Rng rng(11);
  for (int i = 0; i < 150; ++i) {
    std::string bytes = good;
    for (int hits = 0; hits < 3; ++hits) bytes[22 + rng.below(450)] = static_cast<char>(rng.below(256));
    try {
      scp(bytes);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.scp"));
    }
  }
}

}  // namespace
}  // namespace deri
