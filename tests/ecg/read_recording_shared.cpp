// Every kind of file at hand through the one entry.

#include "testing/testing.hpp"

#include "deri/ecg/leads.hpp"
#include "deri/ecg/quality.hpp"
#include "deri/ecg/read_recording.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

struct Sample {
  const char* file;  // below data/
  EcgFormat format;
  const char* name;  // Recording::format
  double rate, seconds;
  std::size_t leads;
};

const std::vector<Sample>& samples() {
  static const std::vector<Sample> kSamples{
      {"ptbxl/records100/00000/00001_lr.hea", EcgFormat::kWfdb, "WFDB", 100, 10, 12},
      {"ptbxl/records100/00000/00001_lr.dat", EcgFormat::kWfdb, "WFDB", 100, 10, 12},
      {"ptbxl/records100/00000/00001_lr", EcgFormat::kWfdb, "WFDB", 100, 10, 12},
      {"cpsc2018/A0001.mat", EcgFormat::kWfdb, "WFDB", 500, 15, 12},
      {"cpsc2018/native/A1980.mat", EcgFormat::kMatlab, "MATLAB (CPSC2018)", 500, -1, 12},
      {"formats/dicom/waveform_ecg.dcm", EcgFormat::kDicom, "DICOM", 1000, 10, 12},
      {"formats/aecg/ecg_hl7.xml", EcgFormat::kAecg, "HL7 aECG", -1, -1, 12},
      {"formats/muse/muse-sinus.xml", EcgFormat::kMuse, "GE MUSE XML", 500, 10, 12},
      {"formats/scp/Example.scp", EcgFormat::kScp, "SCP-ECG", -1, -1, 12},
      {"formats/scp/demo.scp", EcgFormat::kScp, "SCP-ECG", -1, -1, 12},
      {"formats/contec-edf/0000050.ECG.edf", EcgFormat::kEdf, "EDF", -1, -1, 12},
  };
  return kSamples;
}

TEST(ReadRecording, EveryFormatGivesTwelveLeadsOfOneEcg) {
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.file);
    const fs::path path = testing::shared_dir() / "data" / sample.file;
    EXPECT_EQ(detect_format(path), sample.format);
    const Recording recording = read_recording(path);
    EXPECT_EQ(recording.format, sample.name);
    if (sample.rate > 0) {
      EXPECT_DOUBLE_EQ(recording.rate, sample.rate);
    }
    if (sample.seconds > 0) {
      EXPECT_NEAR(recording.seconds(), sample.seconds, 0.01);
    }
    EXPECT_EQ(recording.leads.size(), sample.leads);
    // Twelve voltages that obey Einthoven and Goldberger, and a heart that beats.
    EXPECT_EQ(select_leads(recording, standard_leads()).leads, standard_leads());
    const QualityReport quality = assess_quality(recording);
    for (const LimbResidual& residual : quality.limb) EXPECT_FALSE(residual.too_large) << residual.relation;
    EXPECT_TRUE(quality.heart_rate && *quality.heart_rate > 30 && *quality.heart_rate < 220);
  }
}

}  // namespace
}  // namespace deri
