// DICOM files written here, byte by byte (explicit VR, little endian).

#include "deri/ecg/dicom.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string little_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string element(unsigned group, unsigned number, const std::string& vr, std::string value) {
  if (value.size() % 2 != 0) value += vr == "UI" ? '\0' : ' ';
  std::string text = little_endian(group, 2) + little_endian(number, 2) + vr;
  const bool is_long = vr == "OB" || vr == "OW" || vr == "SQ";
  text += is_long ? std::string(2, '\0') + little_endian(value.size(), 4) : little_endian(value.size(), 2);
  return text + value;
}

std::string item(const std::string& content) {
  return little_endian(0xFFFE, 2) + little_endian(0xE000, 2) + little_endian(content.size(), 4) + content;
}

std::string code(const std::string& value, const std::string& scheme, const std::string& meaning) {
  return item(element(0x0008, 0x0100, "SH", value) + element(0x0008, 0x0102, "SH", scheme) +
              element(0x0008, 0x0104, "LO", meaning));
}

struct Channel {
  std::string source = code("2:1", "MDC", "Lead I");
  std::string sensitivity = "2.5", unit = "uV", correction = "1", baseline = "0";
  std::string extra = "";

  std::string bytes() const {
    std::string text = element(0x003A, 0x0208, "SQ", source);
    if (!sensitivity.empty()) {
      text += element(0x003A, 0x0210, "DS", sensitivity);
      text += element(0x003A, 0x0211, "SQ", code(unit, "UCUM", "unit"));
      text += element(0x003A, 0x0212, "DS", correction) + element(0x003A, 0x0213, "DS", baseline);
    }
    return item(text + extra);
  }
};

struct Multiplex {
  std::string label = "RHYTHM", originality = "ORIGINAL", rate = "500";
  std::vector<Channel> channels{Channel{}, Channel{.source = code("5.6.3-9-2", "SCPECG", "whatever")}};
  int promised_channels = 2;
  std::uint32_t samples = 100;
  std::string kind = "SS";
  unsigned bits = 16;
  std::string data = "";     // when empty: sample k of channel c is value(c, k)
  std::string padding = "";  // when not empty
  bool with_data = true;

  static int value(int c, int k) { return (k * 17 + c * 50) % 200 - 100; }

  std::string bytes() const {
    std::string raw = data;
    if (raw.empty())
      for (std::uint32_t k = 0; k < samples; ++k)
        for (std::size_t c = 0; c < channels.size(); ++c)
          raw += little_endian(static_cast<std::uint32_t>(value(static_cast<int>(c), static_cast<int>(k))), bits / 8);
    std::string definitions;
    for (const Channel& channel : channels) definitions += channel.bytes();
    std::string text = element(0x003A, 0x0004, "CS", originality) +
                       element(0x003A, 0x0005, "US", little_endian(static_cast<unsigned>(promised_channels), 2)) +
                       element(0x003A, 0x0010, "UL", little_endian(samples, 4)) + element(0x003A, 0x001A, "DS", rate) +
                       element(0x003A, 0x0020, "SH", label) + element(0x003A, 0x0200, "SQ", definitions) +
                       element(0x5400, 0x1004, "US", little_endian(bits, 2)) + element(0x5400, 0x1006, "CS", kind);
    const std::string vr = bits == 8 ? "OB" : "OW";
    if (!padding.empty()) text += element(0x5400, 0x100A, vr, padding);
    if (with_data) text += element(0x5400, 0x1010, vr, raw);
    return item(text);
  }
};

struct DicomFile {
  std::string uid = "1.2.840.10008.5.1.4.1.1.9.1.2";
  std::vector<Multiplex> groups{Multiplex{}};
  std::string texts = "";

  std::string bytes() const {
    const std::string meta = element(0x0002, 0x0001, "OB", std::string("\0\1", 2)) +
                             element(0x0002, 0x0002, "UI", uid) + element(0x0002, 0x0003, "UI", "1.2.3") +
                             element(0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1") +
                             element(0x0002, 0x0012, "UI", "1.2");
    std::string waveforms;
    for (const Multiplex& group : groups) waveforms += group.bytes();
    return std::string(128, '\0') + "DICM" + element(0x0002, 0x0000, "UL", little_endian(meta.size(), 4)) + meta +
           element(0x0008, 0x0016, "UI", uid) + element(0x0008, 0x002A, "DT", "20140301102030.5") +
           element(0x0010, 0x0020, "LO", "P 1") + element(0x0010, 0x0040, "CS", "M") +
           element(0x0010, 0x1010, "AS", "018M") + element(0x0040, 0xB020, "SQ", texts) +
           element(0x5400, 0x0100, "SQ", waveforms);
  }
};

class Dicom : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_dcmtk()) GTEST_SKIP() << "built without DCMTK";
  }
  Recording read(const std::string& bytes) const {
    write_file_atomic(folder_.path() / "a.dcm", bytes, Survives::kKill);
    return read_dicom(folder_.path() / "a.dcm");
  }
  Recording read(const DicomFile& file) const { return read(file.bytes()); }
  Recording read(const Multiplex& group) const { return read(DicomFile{.groups = {group}}); }

 private:
  TemporaryDirectory folder_;
};

TEST_F(Dicom, SamplesAndWhoTheyAreFrom) {
  DicomFile file;
  file.texts = item(element(0x0070, 0x0006, "ST",
                            "Sinusrhythmus\r\nR\xFC"
                            "ckbildung")) +
               item(element(0x0040, 0xA30A, "DS", "5")) + item(element(0x0070, 0x0006, "ST", "normal"));
  const Recording recording = read(file);
  EXPECT_EQ(recording.rate, 500);
  ASSERT_EQ(recording.leads.size(), 2U);
  EXPECT_EQ(recording.leads[0].name, "I");
  EXPECT_EQ(recording.leads[1].name, "II");
  ASSERT_EQ(recording.length(), 100U);
  for (int c = 0; c < 2; ++c)
    for (int k = 0; k < 100; ++k)
      EXPECT_NEAR(recording.leads[static_cast<std::size_t>(c)].samples[static_cast<std::size_t>(k)],
                  Multiplex::value(c, k) * 0.0025, 1e-6);
  EXPECT_EQ(recording.recorded_at, "2014-03-01T10:20:30");
  EXPECT_EQ(recording.patient.id, "P 1");
  EXPECT_EQ(recording.patient.sex, "male");
  EXPECT_EQ(recording.patient.age, 1.5);
  EXPECT_THAT(recording.statements, ElementsAre("Sinusrhythmus",
                                                "R\xC3\xBC"
                                                "ckbildung",
                                                "normal"));
  EXPECT_THAT(recording.notes, IsEmpty());
  EXPECT_FALSE(recording.median.has_value());
}

TEST_F(Dicom, SensitivityCorrectionBaselineAndUnit) {
  Multiplex group;
  group.channels = {Channel{.sensitivity = "0.5", .unit = "mV", .correction = "1.1", .baseline = "-3"},
                    Channel{.source = code("X1", "99LOCAL", "Respiration"), .sensitivity = "2", .unit = "Ohm"}};
  const Recording recording = read(group);
  for (std::size_t k = 0; k < 100; ++k) {
    EXPECT_NEAR(recording.leads[0].samples[k], Multiplex::value(0, static_cast<int>(k)) * 0.55 - 3, 1e-5);
    EXPECT_NEAR(recording.leads[1].samples[k], Multiplex::value(1, static_cast<int>(k)) * 2, 1e-5);
  }
  EXPECT_EQ(recording.leads[0].unit, "mV");
  EXPECT_EQ(recording.leads[1].unit, "Ohm");
  EXPECT_EQ(recording.leads[1].name, "Respiration");
}

TEST_F(Dicom, WithoutSensitivityThereIsNoVoltage) {
  Multiplex group;
  group.channels[1].sensitivity = "";
  const Recording recording = read(group);
  EXPECT_EQ(recording.leads[1].unit, "");
  EXPECT_EQ(recording.leads[1].samples[0], Multiplex::value(1, 0));
}

TEST_F(Dicom, LeadsByCodeThenByMeaning) {
  Multiplex group;
  const std::vector<std::pair<std::string, std::string>> cases{
      {code("2:61", "MDC", "x"), "III"},
      {code("5.6.3-9-8", "SCPECG", "x"), "V6"},
      {code("2:65", "MDC", "-aVR"), "-aVR"},  // not aVR
      {code("2:62", "99LOCAL", "aVR, augmented voltage, right"), "aVR"},
      {code("", "", "Lead V3"), "V3"},
      {code("", "", "Lead I (Einthoven)"), "I"},
      {code("", "", ""), "channel 1"}};
  for (const auto& [source, name] : cases) {
    group.channels[0].source = source;
    EXPECT_EQ(read(group).leads[0].name, name);
  }
}

TEST_F(Dicom, EveryKindOfSample) {
  const std::vector<std::tuple<std::string, unsigned, std::uint64_t, double>> cases{
      {"SB", 8, 0x80, -128},
      {"UB", 8, 0x80, 128},
      {"SS", 16, 0x8000, -32768},
      {"US", 16, 0x8000, 32768},
      {"SL", 32, 0x80000000, -2147483648.0},
      {"UL", 32, 0x80000000, 2147483648.0},
      {"SS", 16, 0x7FFF, 32767}};
  for (const auto& [kind, bits, raw, expected] : cases) {
    Multiplex group{.kind = kind, .bits = bits};
    group.samples = 2;
    for (int i = 0; i < 4; ++i) group.data += little_endian(raw, bits / 8);
    const Recording recording = read(group);
    EXPECT_NEAR(recording.leads[1].samples[1], expected * 0.0025, std::abs(expected) * 1e-8) << kind;
  }
}

TEST_F(Dicom, PaddingIsMissing) {
  Multiplex group;
  group.padding = little_endian(static_cast<std::uint16_t>(Multiplex::value(0, 3)), 2);
  const Recording recording = read(group);
  for (int k = 0; k < 100; ++k)
    EXPECT_EQ(std::isnan(recording.leads[0].samples[static_cast<std::size_t>(k)]),
              Multiplex::value(0, k) == Multiplex::value(0, 3));
}

TEST_F(Dicom, FiltersAndSkew) {
  Multiplex group;
  group.channels[0].extra = element(0x003A, 0x0220, "DS", "0.05") + element(0x003A, 0x0221, "DS", "150") +
                            element(0x003A, 0x0222, "DS", "50");
  group.channels[1].extra = element(0x003A, 0x0215, "DS", "1");
  const Recording recording = read(group);
  EXPECT_EQ(recording.filters.high_pass, 0.05);
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_EQ(recording.filters.notch, 50);
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("II was sampled 2 ms after")));
}

TEST_F(Dicom, GroupsFindTheirPlace) {
  const Multiplex median{.label = "MEDIAN BEAT", .originality = "DERIVED", .rate = "1000", .samples = 30};
  Multiplex rhythm, beside, other;
  beside.label = "";
  beside.channels = {Channel{.source = code("2:3", "MDC", "V1")}, Channel{.source = code("2:2", "MDC", "II")}};
  other.label = "SLOW";
  other.rate = "100";
  const Recording recording = read(DicomFile{.groups = {median, rhythm, beside, other}});
  EXPECT_EQ(recording.rate, 500);
  ASSERT_EQ(recording.leads.size(), 3U);
  EXPECT_EQ(recording.leads[2].name, "V1");
  ASSERT_TRUE(recording.median.has_value());
  EXPECT_EQ(recording.median->rate, 1000);
  EXPECT_EQ(recording.median->leads.at(0).samples.size(), 30U);
  EXPECT_THAT(recording.notes, ElementsAre(HasSubstr("'SLOW' of 2 channels and 1 s")));
}

TEST_F(Dicom, MalformedFilesAreErrors) {
  const auto refused = [&](const auto& file, const auto& matcher) {
    EXPECT_DERI_ERROR(read(file), AllOf(HasSubstr("a.dcm: "), matcher));
  };
  refused(std::string(), HasSubstr("no DICOM file"));
  refused(std::string(200, '\0'), HasSubstr("no DICOM file"));
  refused(std::string(128, '\0') + "DICM", HasSubstr(""));
  refused(DicomFile{.uid = "1.2.840.10008.5.1.4.1.1.2"}, HasSubstr("no ECG: it is of the class CTImageStorage"));
  refused(DicomFile{.uid = "1.2.840.10008.5.1.4.1.1.9.4.1"}, HasSubstr("no ECG"));
  refused(DicomFile{.groups = {}}, HasSubstr("holds no waveform"));
  refused(Multiplex{.kind = "MB", .bits = 8}, HasSubstr("coded as audio (MB)"));
  refused(Multiplex{.kind = "AB", .bits = 8}, HasSubstr("coded as audio (AB)"));
  refused(Multiplex{.kind = "XX"}, HasSubstr("unknown kind 'XX'"));
  refused(Multiplex{.kind = "SS", .bits = 8}, HasSubstr("SS in 8 bits"));
  refused(Multiplex{.rate = "0"}, HasSubstr("sampling frequency"));
  refused(Multiplex{.rate = "-500"}, HasSubstr("sampling frequency"));
  refused(Multiplex{.rate = "nan"}, HasSubstr("sampling frequency"));
  refused(Multiplex{.rate = "1e300"}, HasSubstr("sampling frequency"));
  refused(Multiplex{.promised_channels = 3}, HasSubstr("3 channels are promised and 2 described"));
  refused(Multiplex{.promised_channels = 0}, HasSubstr("number of channels"));
  refused(Multiplex{.samples = 0, .data = "abcd"}, HasSubstr("number of samples"));
  refused(Multiplex{.samples = 0xFFFFFFFF, .data = "abcd"}, HasSubstr("cut off"));
  refused(Multiplex{.with_data = false}, HasSubstr("holds 0 bytes"));
  Multiplex group;
  group.channels[0].sensitivity = "0";
  refused(group, HasSubstr("sensitivity of 0"));
  group.channels.clear();
  refused(group, HasSubstr("2 channels are promised and 0 described"));
  const std::string good = DicomFile().bytes();
  for (std::size_t size = 132; size < good.size(); size += 97) refused(good.substr(0, size), HasSubstr(""));
}

TEST_F(Dicom, NoWrongByteIsFatal) {
  const std::string good = DicomFile().bytes();
  Rng rng(5);
  for (int i = 0; i < 150; ++i) {
    std::string bytes = good;
    for (int hits = 0; hits < 3; ++hits) bytes[132 + rng.below(good.size() - 132)] = static_cast<char>(rng.below(256));
    try {
      read(bytes);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.dcm"));
    }
  }
}

}  // namespace
}  // namespace deri
