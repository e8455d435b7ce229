#include "deri/ecg/read_recording.hpp"

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReadRecordingTest : public ::testing::Test {
 protected:
  std::filesystem::path put(const std::string& name, std::string_view content) {
    write_file_atomic(folder_.path() / name, content);
    return folder_.path() / name;
  }
  TemporaryDirectory folder_;
};

TEST_F(ReadRecordingTest, AWfdbRecordByAnyOfItsNames) {
  put("r.hea", "r 1 500 2\nr.dat 16 1000/mV 16 0 1000 -1536 0 II\n");
  put("r.dat", std::string_view("\xE8\x03\x18\xF6", 4));
  for (const char* name : {"r.hea", "r.dat", "r"})
    EXPECT_THAT(read_recording(folder_.path() / name).leads.at(0).samples, ElementsAre(1.0F, -2.536F)) << name;
}

TEST_F(ReadRecordingTest, AMatlabFileBesideItsHeaderIsWfdb) {
  put("m.hea", "m 1 500 1\nm.mat 16+128 1000/mV 16 0 1000 1000 0 II\n");
  const auto path = put("m.mat", "MATLAB 5.0 MAT-file" + std::string(109, ' ') + "\xE8\x03");
  EXPECT_EQ(detect_format(path), EcgFormat::kWfdb);
  EXPECT_THAT(read_recording(path).leads.at(0).samples, ElementsAre(1.0F));
}

TEST_F(ReadRecordingTest, TheContentDecidesNotTheName) {
  EXPECT_EQ(detect_format(put("a.txt", "<?xml version=\"1.0\"?>\n<AnnotatedECG/>")), EcgFormat::kAecg);
  EXPECT_EQ(detect_format(put("b", "\xEF\xBB\xBF<RestingECG/>")), EcgFormat::kMuse);
  EXPECT_EQ(detect_format(put("c.bin", std::string(128, '\0') + "DICM")), EcgFormat::kDicom);
  EXPECT_EQ(detect_format(put("d.txt", "\x93NUMPY\x01")), EcgFormat::kNpy);
  EXPECT_EQ(detect_format(put("e.dat", std::string(16, '\0') + "SCPECG")), EcgFormat::kScp);
  EXPECT_EQ(detect_format(put("f.bdf",
                              "\xFF"
                              "BIOSEMI")),
            EcgFormat::kEdf);
  EXPECT_EQ(detect_format(put("g.CSV", "I,II\n")), EcgFormat::kCsv);
  EXPECT_EQ(detect_format(put("h.ecg", "ISHNE1.0")), EcgFormat::kIshne);
}

TEST_F(ReadRecordingTest, WhatIsNoEcgIsSaid) {
  EXPECT_DERI_ERROR(detect_format(put("letter.doc", "Dear colleague")),
                    AllOf(HasSubstr("letter.doc"), HasSubstr("not an ECG file"), HasSubstr("DICOM")));
  EXPECT_DERI_ERROR(detect_format(put("empty", "")), HasSubstr("not an ECG file"));
  EXPECT_DERI_ERROR(read_recording(put("R.HEA", "R 1 500 1\nR.dat 16\n")), HasSubstr("not an ECG file"));
  EXPECT_DERI_ERROR(detect_format(folder_.path() / "none.xml"), HasSubstr("none.xml"));
  EXPECT_DERI_ERROR(detect_format(folder_.path()), HasSubstr("is a folder"));
  EXPECT_DERI_ERROR(detect_format(put("s.xml", "<restingecgdata/>")), HasSubstr("Philips Sierra"));
}

TEST_F(ReadRecordingTest, OptionsMustNotContradictTheFile) {
  put("r.hea", "r 1 500 2\nr.dat 16 1000/mV 16 0 1000 -1536 0 II\n");
  put("r.dat", std::string_view("\xE8\x03\x18\xF6", 4));
  ReadOptions options;
  options.rate = 500;
  EXPECT_EQ(read_recording(folder_.path() / "r", options).rate, 500);
  options.rate = 250;
  EXPECT_DERI_ERROR(read_recording(folder_.path() / "r", options), AllOf(HasSubstr("500"), HasSubstr("250")));
}

TEST_F(ReadRecordingTest, ChecksumsCanBeIgnored) {
  put("r.hea", "r 1 500 1\nr.dat 16 1000/mV 16 0 1000 7 0 II\n");
  put("r.dat", std::string_view("\xE8\x03", 2));
  EXPECT_DERI_ERROR(read_recording(folder_.path() / "r"), HasSubstr("checksum"));
  ReadOptions options;
  options.verify_checksums = false;
  EXPECT_EQ(read_recording(folder_.path() / "r", options).length(), 1U);
}

}  // namespace
}  // namespace deri
