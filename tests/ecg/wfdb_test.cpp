#include "deri/ecg/wfdb.hpp"

#include <cmath>
#include <fstream>
#include <limits>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Little-endian words.
std::string bytes_16(const std::vector<int>& samples) {
  std::string bytes;
  for (const int sample : samples) {
    bytes.push_back(static_cast<char>(sample & 0xFF));
    bytes.push_back(static_cast<char>((sample >> 8) & 0xFF));
  }
  return bytes;
}

class WfdbTest : public ::testing::Test {
 protected:
  fs::path put(const std::string& name, const std::string& content) const {
    const fs::path path = folder_.path() / name;
    fs::remove(path);  // some file systems sync a file that is truncated and written again
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  // Reads `header` as r.hea beside whatever put() wrote.
  Recording read(const std::string& header, const WfdbOptions& options = {}) const {
    return read_wfdb(put("r.hea", header), options);
  }

  TemporaryDirectory folder_;
};

// ---- Format 16

TEST_F(WfdbTest, ReadsInterleavedFormat16) {
  put("r.dat", bytes_16({100, -5, 200, -32767, 300, 32767}));
  const Recording recording = read(
      "r 2 250 3\n"
      "r.dat 16 200(100)/mV 16 0 100 600 0 I\n"
      "r.dat 16 1000/mV 16 -5 0 -5 0 avr\n");
  EXPECT_DOUBLE_EQ(recording.rate, 250);
  ASSERT_EQ(recording.leads.size(), 2U);
  EXPECT_EQ(recording.leads[0].name, "I");
  EXPECT_THAT(recording.leads[0].samples, ElementsAre(0, 0.5F, 1));
  EXPECT_EQ(recording.leads[1].name, "aVR");
  // No baseline in brackets: the ADC zero, -5.
  EXPECT_THAT(recording.leads[1].samples, ElementsAre(0, -32.762F, 32.772F));
  EXPECT_EQ(recording.source, (folder_.path() / "r.hea").string());
}

TEST_F(WfdbTest, SuffixMayBeLeftOut) {
  put("r.dat", bytes_16({1}));
  put("r.hea", "r 1 100 1\nr.dat 16\n");
  EXPECT_EQ(read_wfdb(folder_.path() / "r").length(), 1U);
}

TEST_F(WfdbTest, DefaultsWhereTheHeaderIsSilent) {
  put("r.dat", bytes_16({200, -400, 600}));
  const Recording recording = read("r 1\r\nr.dat 16\r\n");
  EXPECT_DOUBLE_EQ(recording.rate, 250);
  EXPECT_EQ(recording.leads.at(0).name, "signal 1");
  EXPECT_THAT(recording.leads.at(0).samples, ElementsAre(1, -2, 3));
  const Recording dated = read("r 1 100/24000(7) 0 12:30:00 01/02/2003\nr.dat 16\n");
  EXPECT_DOUBLE_EQ(dated.rate, 100);
  EXPECT_EQ(dated.recorded_at, "2003-02-01T12:30:00");
}

TEST_F(WfdbTest, FieldsMayBeSeparatedByTabs) {
  put("r.dat", bytes_16({1000}));
  EXPECT_EQ(read("r\t1\t500\t1\nr.dat\t16\t1000/mV\t16\t0\t1000\t1000\t0\tECG lead I\n").leads.at(0).name,
            "ECG lead I");
}

TEST_F(WfdbTest, ReadsOnlyAsManySamplesAsPromised) {
  put("r.dat", bytes_16({1000, 2000, 3000}));
  EXPECT_THAT(read("r 1 100 2\nr.dat 16 1000\n").leads.at(0).samples, ElementsAre(1, 2));
}

TEST_F(WfdbTest, ByteOffsetIsSkipped) {
  put("r.mat", "0123456789" + bytes_16({1000, -1000}));
  EXPECT_THAT(read("r 1 100 2\nr.mat 16+10 1000/mV 16 0 1000 0 0 I\n").leads.at(0).samples, ElementsAre(1, -1));
  EXPECT_THAT(read("r 1 100\nr.mat 16x1:0+12 1000/mV\n").leads.at(0).samples, ElementsAre(-1));
}

TEST_F(WfdbTest, InvalidSamplesBecomeNan) {
  put("r.dat", bytes_16({1000, -32768, -1000}));
  const std::vector<float> samples = read("r 1 100 3\nr.dat 16 1000(0)/mV\n").leads.at(0).samples;
  EXPECT_FLOAT_EQ(samples.at(0), 1);
  EXPECT_TRUE(std::isnan(samples.at(1)));
  EXPECT_FLOAT_EQ(samples.at(2), -1);
}

TEST_F(WfdbTest, UnitsOfVoltageBecomeMillivolts) {
  put("r.dat", bytes_16({3}));
  const std::vector<std::pair<std::string, float>> cases{
      {"V", 3000}, {"mV", 3}, {"uV", 0.003F}, {"\xC2\xB5V", 0.003F}, {"\xCE\xBCV", 0.003F}, {"nV", 3e-6F}};
  for (const auto& [unit, millivolts] : cases)
    EXPECT_FLOAT_EQ(read("r 1 100 1\nr.dat 16 1/" + unit + "\n").leads.at(0).samples.at(0), millivolts) << unit;
  EXPECT_FLOAT_EQ(read("r 1 100 1\nr.dat 16 -2.5e-1(1)/mV\n").leads.at(0).samples.at(0), -8);
}

TEST_F(WfdbTest, SeveralSignalFiles) {
  put("a.dat", bytes_16({1000, 2000}));
  put("b.dat", std::string("\x01\x20\x00", 3));  // 212: 1, 512
  const Recording recording = read("r 2 100 2\na.dat 16 1000/mV 16 0 0 3000 0 I\nb.dat 212 1/mV 12 0 1 513 0 II\n");
  EXPECT_THAT(recording.find("I")->samples, ElementsAre(1, 2));
  EXPECT_THAT(recording.find("II")->samples, ElementsAre(1, 512));
}

// ---- Format 212

TEST_F(WfdbTest, Reads212WithNegativeAndInvalidSamples) {
  // 0x7FF, 0x801 (-2047) | 0xFFF (-1), 0x800 (invalid).
  put("r.dat", std::string("\xFF\x87\x01\xFF\x8F\x00", 6));
  const std::vector<float> samples = read("r 1 100 4\nr.dat 212 1/mV\n").leads.at(0).samples;
  ASSERT_EQ(samples.size(), 4U);
  EXPECT_FLOAT_EQ(samples[0], 2047);
  EXPECT_FLOAT_EQ(samples[1], -2047);
  EXPECT_FLOAT_EQ(samples[2], -1);
  EXPECT_TRUE(std::isnan(samples[3]));
}

TEST_F(WfdbTest, Reads212WithAnOddNumberOfSamples) {
  put("r.dat", std::string("\x01\x20\x03\xFE\x0F", 5));  // 1, 0x203, then -2 in two bytes
  EXPECT_THAT(read("r 1 100 3\nr.dat 212 1/mV\n").leads.at(0).samples, ElementsAre(1, 0x203, -2));
  EXPECT_THAT(read("r 1 100\nr.dat 212 1/mV\n").leads.at(0).samples, ElementsAre(1, 0x203, -2));
  EXPECT_DERI_ERROR(read("r 1 100 4\nr.dat 212 1/mV\n"), HasSubstr("truncated"));
}

// ---- Comments

TEST_F(WfdbTest, CommentsAndPatient) {
  put("r.dat", bytes_16({1}));
  const auto patient_of = [&](const std::string& comments) {
    return read("# made by hand\nr 1 100 1\n\nr.dat 16\n" + comments).patient;
  };
  const Recording recording = read("# first\nr 1 100 1\nr.dat 16\n#Age: 74\n#Sex: Male\n#Dx: 5\n");
  EXPECT_THAT(recording.comments, ElementsAre("first", "Age: 74", "Sex: Male", "Dx: 5"));
  EXPECT_EQ(recording.patient.age, 74);
  EXPECT_EQ(recording.patient.sex, "male");

  EXPECT_EQ(patient_of("# age: 81\n# sex: female\n").age, 81);
  EXPECT_EQ(patient_of("# age: 81\n# sex: female\n").sex, "female");
  EXPECT_EQ(patient_of("# <age>: 28  <sex>: F  <Height>: 170\n").age, 28);
  EXPECT_EQ(patient_of("# <age>: 28  <sex>: F  <Height>: 170\n").sex, "female");
  EXPECT_FALSE(patient_of("#Age: NaN\n#Sex: Unknown\n").age);
  EXPECT_EQ(patient_of("#Age: NaN\n#Sex: Unknown\n").sex, "");
  EXPECT_FALSE(patient_of("#Dosage: 50\n#Age -3\n#Age: -3\n").age);
}

// ---- What is wrong with a record

TEST_F(WfdbTest, MissingFilesAreNamed) {
  EXPECT_DERI_ERROR(read_wfdb(folder_.path() / "none"), HasSubstr("none.hea"));
  EXPECT_DERI_ERROR(read("r 1 100 10\nlost.dat 16\n"), AllOf(HasSubstr("r.hea"), HasSubstr("lost.dat is missing")));
  fs::create_directory(folder_.path() / "folder.dat");
  EXPECT_DERI_ERROR(read("r 1 100 10\nfolder.dat 16\n"), HasSubstr("folder.dat is missing"));
}

TEST_F(WfdbTest, TruncationIsFoundBeforeMemoryIsAskedFor) {
  put("r.dat", bytes_16({1, 2, 3, 4, 5}));
  EXPECT_DERI_ERROR(read("r 2 100 3\nr.dat 16\nr.dat 16\n"),
                    AllOf(HasSubstr("r.hea"), HasSubstr("promises 3"), HasSubstr("10 bytes"), HasSubstr("holds 2"),
                          HasSubstr("truncated")));
  EXPECT_DERI_ERROR(read("r 1 100 1000000000000\nr.dat 16\n"), HasSubstr("truncated"));
  EXPECT_DERI_ERROR(read("r 2 100 18446744073709551615\nr.dat 212\nr.dat 212\n"), HasSubstr("truncated"));
  EXPECT_DERI_ERROR(read("r 1 100 99999999999999999999\nr.dat 16\n"), HasSubstr("not a number of samples"));
  EXPECT_DERI_ERROR(read("r 4000000000 100 1\nr.dat 16\n"), AllOf(HasSubstr("4000000000"), HasSubstr("describes 1")));
  EXPECT_DERI_ERROR(read("r 1 100 1\nr.dat 16+18446744073709551615\n"), HasSubstr("truncated"));
}

TEST_F(WfdbTest, AFileOfHolesIsTooLarge) {
  put("r.dat", "");
  fs::resize_file(folder_.path() / "r.dat", std::uint64_t{1} << 32);
  EXPECT_DERI_ERROR(read("r 1 100\nr.dat 16\n"), HasSubstr("more than can be read at once"));
}

TEST_F(WfdbTest, NoSamples) {
  put("r.dat", "");
  EXPECT_DERI_ERROR(read("r 1 100\nr.dat 16\n"), HasSubstr("no samples"));
}

TEST_F(WfdbTest, ChecksumIsVerifiedUnlessToldOtherwise) {
  put("r.dat", bytes_16({-30000, -30000, -2}));
  const std::string line = "r 1 100 3\nr.dat 16 1000/mV 16 0 -30000 ";
  EXPECT_EQ(read(line + "5534 0 I\n").length(), 3U);
  EXPECT_EQ(read(line + "-60002 0 I\n").length(), 3U);
  EXPECT_DERI_ERROR(read(line + "5535 0 V3\n"),
                    AllOf(HasSubstr("V3"), HasSubstr("r.dat"), HasSubstr("5534"), HasSubstr("5535")));
  WfdbOptions trusting;
  trusting.verify_checksums = false;
  EXPECT_EQ(read(line + "5535 0 I\n", trusting).length(), 3U);
}

TEST_F(WfdbTest, SignalFilesStayInTheirFolder) {
  for (const std::string name : {"../r.dat", "/etc/passwd", "..", "a\\b.dat", "sub/r.dat"})
    EXPECT_DERI_ERROR(read("r 1 100 1\n" + name + " 16\n"),
                      AllOf(HasSubstr("line 2"), HasSubstr("not the name of a file")));
}

// ---- Frames, skew, segments

TEST_F(WfdbTest, FormatEightCountsFromTheInitialValue) {
  put("r.dat", std::string("\x00\x7F\x80\x01", 4));  // 0, +127, -128, +1
  EXPECT_THAT(read("r 1 100 4\nr.dat 8 1/mV 12 0 -50\n").leads.at(0).samples, ElementsAre(-50, 77, -51, -50));
  EXPECT_THAT(read("r 2 100 2\nr.dat 8 1/mV 12 0 10\nr.dat 8 1/mV 12 0 20\n").leads.at(1).samples,
              ElementsAre(147, 148));
}

TEST_F(WfdbTest, SlowerSignalsKeepTheirValue) {
  put("r.dat", bytes_16({1, 2, 3, 10, 4, 5, 6, 20}));  // three samples of the first signal, one of the second
  const std::string header = "r 2 100 2\nr.dat 16x3 1/mV 16 0 1 21 0 II\nr.dat 16 1/mmHg 16 0 10 30 0 ABP\n";
  const Recording recording = read(header);
  EXPECT_DOUBLE_EQ(recording.rate, 300);
  EXPECT_THAT(recording.leads.at(0).samples, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(recording.leads.at(1).samples, ElementsAre(10, 10, 10, 20, 20, 20));
  EXPECT_EQ(recording.leads.at(1).unit, "mmHg");
  WfdbOptions average;
  average.frames = WfdbFrames::kAverage;
  EXPECT_DOUBLE_EQ(read(header, average).rate, 100);
  EXPECT_THAT(read(header, average).leads.at(0).samples, ElementsAre(2, 5));
}

TEST_F(WfdbTest, SkewedSignalsArePutBackInLine) {
  put("r.dat", bytes_16({1, 9, 2, 1, 3, 2, 4, 3}));
  const Recording recording = read("r 2 100 4\nr.dat 16 1/mV 16 0 1 10 0 I\nr.dat 16:1 1/mV 16 0 9 15 0 II\n");
  EXPECT_THAT(recording.leads.at(0).samples, ElementsAre(1, 2, 3));
  EXPECT_THAT(recording.leads.at(1).samples, ElementsAre(1, 2, 3));
  EXPECT_DERI_ERROR(read("r 2 100 4\nr.dat 16\nr.dat 16:4\n"), HasSubstr("skew"));
}

TEST_F(WfdbTest, SegmentsOfVariableLayout) {
  put("a.dat", bytes_16({10, 20}));
  put("b.dat", bytes_16({1, 100, 2, 200}));
  put("a.hea", "a 1 100 2\na.dat 16 10/mV 16 0 10 30 0 II\n");
  put("b.hea", "b 2 100 2\nb.dat 16 1/mmHg 16 0 1 3 0 ABP\nb.dat 16 100/mV 16 0 100 300 0 II\n");
  put("l.hea", "l 2 100 0\n~ 0 1/mV 16 0 0 0 0 II\n~ 0 1/mmHg 16 0 0 0 0 ABP\n");
  const Recording recording = read("r/4 2 100 5 10:20:30 1/2/2020\nl 0\na 2\n~ 1\nb 2\n# Age: 50\n");
  ASSERT_EQ(recording.leads.size(), 2U);
  EXPECT_EQ(recording.recorded_at, "2020-02-01T10:20:30");
  EXPECT_EQ(recording.patient.age, 50);
  EXPECT_THAT(recording.find("II")->samples, ElementsAre(1, 2, ::testing::IsNan(), 1, 2));
  EXPECT_THAT(recording.find("ABP")->samples,
              ElementsAre(::testing::IsNan(), ::testing::IsNan(), ::testing::IsNan(), 1, 2));
  EXPECT_EQ(recording.find("ABP")->unit, "mmHg");
}

TEST_F(WfdbTest, SegmentsThatDoNotFit) {
  put("a.dat", bytes_16({10, 20}));
  put("a.hea", "a 1 100 2\na.dat 16 10/mV 16 0 10 30 0 II\n");
  put("fast.hea", "fast 1 200 2\na.dat 16 10/mV 16 0 10 30 0 II\n");
  put("two.hea", "two 2 100 1\na.dat 16 10/mV\na.dat 16 10/mV\n");
  put("unit.hea", "unit 1 100 2\na.dat 16 10/bpm 16 0 10 30 0 II\n");
  put("nest.hea", "nest/1 1 100 2\na 2\n");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"r/2 1 100 3\na 2\na 2\n", "promises 3 samples, its segments have 4"},
      {"r/0 1 100 0\n", "no segments"},
      {"r/2 1 100 4\na 2\n", "promises 2 segments and describes 1"},
      {"r/2 1 100 3\na 2\na 1\n", "has 2 samples"},
      {"r/2 1 100\na 2\nfast 2\n", "200 frames a second"},
      {"r/2 1 100\na 2\ntwo 1\n", "has 2 signals"},
      {"r/2 1 100\na 2\nunit 2\n", "is in 'bpm'"},
      {"r/1 1 100\nnest 2\n", "has segments itself"},
      {"r/1 1 100\nr 2\n", "has segments itself"},
      {"r/1 1 100\n../a 2\n", "not the name of a file"},
      {"r/1 1 100\nnone 2\n", "none.hea"},
      {"r/2 1 100\n~ 2\na 2\n", "no layout"},
      {"r/2 1 100\n~ 0\na 2\n", "layout"},
      {"r/2 1 100\na 2\n~ 1000000000\n", "at once"},
      {"r/2 1 100\na 18446744073709551615\na 2\n", "at once"},
  };
  for (const auto& [header, message] : cases) {
    SCOPED_TRACE(header);
    EXPECT_DERI_ERROR(read(header), HasSubstr(message));
  }
}

TEST_F(WfdbTest, ASignalWithoutSamplesHasPlaceInALayoutOnly) {
  EXPECT_DERI_ERROR(read("r 1 100 1\n~ 0 1/mV\n"), HasSubstr("none of its signals has samples"));
  EXPECT_DERI_ERROR(read("r 1 100 1\nr.dat 0\n"), HasSubstr("format 0"));
  EXPECT_DERI_ERROR(read("r 1 100 1\n~ 16\n"), HasSubstr("format 0"));
}

TEST_F(WfdbTest, WhatIsNoFlacStreamIsRefused) {
  put("r.dat", "fLaC is how it begins, but not how it goes on: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
  EXPECT_DERI_ERROR(read("r 1 100 1\nr.dat 516\n"), HasSubstr("r.dat"));
  put("r.dat", "");
  EXPECT_DERI_ERROR(read("r 1 100\nr.dat 508\n"), HasSubstr("r.dat"));
  EXPECT_DERI_ERROR(read("r 2 100 1\nr.dat 516x2\nr.dat 516\n"), HasSubstr("samples per frame"));
}

TEST_F(WfdbTest, TheDefaultGainIsNoted) {
  put("r.dat", bytes_16({1}));
  EXPECT_THAT(read("r 1 100 1\nr.dat 16\n").notes, ElementsAre(HasSubstr("no gain")));
  EXPECT_THAT(read("r 1 100 1\nr.dat 16 100\n").notes, ::testing::IsEmpty());
}

TEST_F(WfdbTest, MalformedHeadersAreRefusedWithTheirLine) {
  put("r.dat", bytes_16({1, 2, 3, 4}));
  put("s.dat", bytes_16({1, 2, 3, 4, 5}));
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "empty"},
      {"# only a comment\n", "empty"},
      {"r\n", "number of signals"},
      {"r -1 100 1\n", "number of signals"},
      {"r 0 100 1\n", "no signals"},
      {"r 1 0 1\nr.dat 16\n", "makes no sense"},
      {"r 1 -500 1\nr.dat 16\n", "makes no sense"},
      {"r 1 1e9 1\nr.dat 16\n", "makes no sense"},
      {"r 1 100 1\nr.dat 17\n", "no signal format 17"},
      {"r 1 100 1\nr.dat 16x0\n", "samples per frame"},
      {"r 1 100 1\nr.dat 16x99999999\n", "samples per frame"},
      {"r 1 100 1\nr.dat 16:-1\n", "frames of skew"},
      {"r 1 100 1\nr.dat 16 0/mV\n", "never calibrated"},
      {"r 1 100 1\nr.dat 16 200 12 0 first\n", "initial value"},
      {"r 1 nan 1\nr.dat 16\n", "sampling rate"},
      {"r 1 inf 1\nr.dat 16\n", "sampling rate"},
      {"r 1 100Hz 1\nr.dat 16\n", "sampling rate"},
      {"r 1 100 1.5\nr.dat 16\n", "number of samples"},
      {"r 1 100 1\n", "describes 0"},
      {"r 1 100 1\n\nr.dat\n", "line 3"},
      {"r 1 100 1\nr.dat 16y\n", "signal format"},
      {"r 1 100 1\nr.dat 16+\n", "no byte offset"},
      {"r 1 100 1\nr.dat 16 x\n", "not a gain"},
      {"r 1 100 1\nr.dat 16 nan\n", "not a gain"},
      {"r 1 100 1\nr.dat 16 200mV\n", "not a gain"},
      {"r 1 100 1\nr.dat 16 1e-300/mV\n", "makes no sense"},
      {"r 1 100 1\nr.dat 16 200(1\n", "baseline"},
      {"r 1 100 1\nr.dat 16 200 12 zero\n", "ADC zero"},
      {"r 1 100 1\nr.dat 16 200 12 0 1 sum\n", "checksum"},
      {"r 2 100 1\nr.dat 16\nr.dat 212\n", "differ in format"},
      {"r 2 100 1\nr.dat 16\nr.dat 16+2\n", "differ in format or byte offset"},
      {"r 3 100 1\nr.dat 16\ns.dat 16\nr.dat 16\n", "stand together"},
      {"r 2 100\nr.dat 16\ns.dat 16\n", "4 and 5"},
  };
  for (const auto& [header, message] : cases) {
    SCOPED_TRACE(header);
    EXPECT_DERI_ERROR(read(header), AllOf(HasSubstr("r.hea"), HasSubstr(message)));
  }
}

TEST_F(WfdbTest, MessagesStayOnOneLine) {
  put("r.dat", bytes_16({1}));
  try {
    read("r 1 100 1\nr.dat 1\r6\x1B[31m 1/mV 12 0 1 1 0 I\n");
    FAIL() << "the format was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::Not(::testing::MatchesRegex("(.|\n)*[\x01-\x1F](.|\n)*")));
  }
}

// Whatever the bytes are: a recording whose leads agree in length, or an Error.
TEST_F(WfdbTest, DamagedRecordsNeverDoMoreThanThrowError) {
  const std::string header =
      "r 3 100/50(2) 4 12:00:00 01/01/2001\n"
      "r.dat 212+2 200(1024)/mV 12 0 1 7 0 I\n"
      "r.dat 212+2 1e3/uV 12 -5 1 7 0 aVR\n"
      "s.dat 16 -0.5(3)/V 16 0 1 7 0 V1\n"
      "#Age: 60\n# <sex>: F\n";
  const std::string letters = "0123456789-+.()/:x#eEnaif \n\r\t";
  Rng random(11);
  std::size_t accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = header;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(damaged.size());
      const char byte =
          random.chance(0.7) ? letters[random.below(letters.size())] : static_cast<char>(random.below(256));
      if (random.chance(0.5))
        damaged[at] = byte;
      else if (random.chance(0.5))
        damaged.insert(at, 1, byte);
      else
        damaged.erase(at, 1 + random.below(3));
    }
    std::string bytes(random.below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    put("r.dat", bytes);
    put("s.dat", bytes.substr(bytes.size() / 2));
    WfdbOptions options;
    options.verify_checksums = random.chance(0.1);
    try {
      const Recording recording = read(damaged, options);
      ++accepted;
      ASSERT_GT(recording.rate, 0);
      for (const Lead& lead : recording.leads) {
        ASSERT_EQ(lead.samples.size(), recording.length());
        for (const float sample : lead.samples) ASSERT_FALSE(std::isinf(sample)) << damaged;
      }
    } catch (const Error&) {
    }
  }
  EXPECT_GT(accepted, 100U) << "the damage was always fatal: the loop tests nothing behind the header";
}

// ---- Writing

Recording example() {
  Recording recording;
  recording.rate = 100;
  recording.leads = {{"I", {0.5F, -1.2345F, std::numeric_limits<float>::quiet_NaN()}}, {"V1", {100, -100, 0.0004F}}};
  recording.patient = {"", 63, "female"};
  recording.comments = {"one", "two\nlines"};
  return recording;
}

TEST_F(WfdbTest, WritesWhatItReads) {
  write_wfdb(folder_.path(), "w_1", example());
  const Recording back = read_wfdb(folder_.path() / "w_1");
  EXPECT_DOUBLE_EQ(back.rate, 100);
  EXPECT_EQ(back.leads.at(0).name, "I");
  EXPECT_FLOAT_EQ(back.leads[0].samples.at(0), 0.5F);
  EXPECT_NEAR(back.leads[0].samples.at(1), -1.2345, 0.0005001);
  EXPECT_TRUE(std::isnan(back.leads[0].samples.at(2)));
  EXPECT_THAT(back.leads.at(1).samples, ElementsAre(32.767F, -32.767F, 0));
  EXPECT_EQ(back.patient.age, 63);
  EXPECT_EQ(back.patient.sex, "female");
  EXPECT_THAT(back.comments, ElementsAre("one", "two lines", "Age: 63", "Sex: female"));
  // Once more changes nothing: no second age, no drift.
  write_wfdb(folder_.path(), "w_2", back);
  EXPECT_EQ(read_file(folder_.path() / "w_1.dat"), read_file(folder_.path() / "w_2.dat"));
  EXPECT_EQ(read_wfdb(folder_.path() / "w_2").comments, back.comments);
}

TEST_F(WfdbTest, WritesTheBytesOfTheFormat) {
  const WfdbSignals signals{62.5, {"I", "II"}, 2, {1, -2, 258, -32768}, 200.5, -7, {"Age: 40"}};
  write_wfdb(folder_.path(), "w", signals);
  EXPECT_EQ(read_file(folder_.path() / "w.dat"), bytes_16({1, 258, -2, -32768}));
  EXPECT_EQ(read_file(folder_.path() / "w.hea"),
            "w 2 62.5 2\n"
            "w.dat 16 200.5(-7)/mV 16 0 1 65535 0 I\n"
            "w.dat 16 200.5(-7)/mV 16 0 258 33026 0 II\n"
            "#Age: 40\n");
}

TEST_F(WfdbTest, RandomSignalsSurviveTheRoundTrip) {
  Rng random(3);
  WfdbSignals signals{500, {"I", "II", "III"}, 333, std::vector<std::int16_t>(999), 1000, 0, {}};
  for (std::int16_t& sample : signals.samples) sample = static_cast<std::int16_t>(random.uniform(-32767, 32767));
  write_wfdb(folder_.path(), "w", signals);
  EXPECT_EQ(to_wfdb_signals(read_wfdb(folder_.path() / "w")).samples, signals.samples);
}

TEST_F(WfdbTest, RefusesWhatCannotBeWritten) {
  for (const std::string name : {"", "a b", "../a", "a.b", "a/2"})
    EXPECT_DERI_ERROR(write_wfdb(folder_.path(), name, example()), HasSubstr("cannot name"));
  EXPECT_DERI_ERROR(write_wfdb(folder_.path(), "w", Recording{}), HasSubstr("without samples"));
  Recording uneven = example();
  uneven.leads[1].samples.pop_back();
  EXPECT_DERI_ERROR(write_wfdb(folder_.path(), "w", uneven), HasSubstr("V1"));
  EXPECT_DERI_ERROR(write_wfdb(folder_.path() / "no-folder", "w", example()), HasSubstr("no-folder"));
  EXPECT_THAT(std::vector<fs::path>(fs::directory_iterator(folder_.path()), {}), IsEmpty());
}

}  // namespace
}  // namespace deri
