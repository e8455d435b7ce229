#include "deri/ecg/muse.hpp"

#include <cstdint>
#include <functional>

#include "testing/testing.hpp"
#include <fmt/format.h>
#include <zlib.h>

#include "deri/ecg/leads.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string base64(const std::string& bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (int k = 3; k >= 0; --k) text += kDigits[group >> (6 * k) & 63];
  }
  const std::size_t padding = (3 - bytes.size() % 3) % 3;
  return text.replace(text.size() - padding, padding, std::string(padding, '='));
}

// An export of two leads, every part of which a test can change.
struct Export {
  std::string declaration =
      "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><!DOCTYPE RestingECG SYSTEM \"restecg.dtd\">";
  std::string leads_promised = "<NumberofLeads>2</NumberofLeads>";
  std::string rate = "<SampleBase>500</SampleBase><SampleExponent>0</SampleExponent>";
  std::string sample_type = "<SampleType>CONTINUOUS_SAMPLES</SampleType>";
  std::string filters;
  std::string lead_extra;     // into every lead
  std::string second_extra;   // into the second
  std::string second = "II";  // its name
  std::string count = "3";
  std::string unit = "MICROVOLTS";
  std::string per_bit = "5";
  std::string data;                                                         // instead of the second lead's
  std::string second_samples = std::string("\x64\x00\xC8\x00\x00\x80", 6);  // 100 200 -32768
  std::string crc;                                                          // of the second lead
  std::string before, after;                                                // within the root element

  std::string lead(const std::string& name, const std::string& bytes, const std::string& extra) const {
    return fmt::format(
        "<LeadData><LeadID>{}</LeadID><LeadSampleCountTotal>{}</LeadSampleCountTotal>"
        "<LeadAmplitudeUnitsPerBit>{}</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>{}</LeadAmplitudeUnits>{}{}"
        "<WaveFormData>\n{}\n</WaveFormData></LeadData>",
        name, count, per_bit, unit, lead_extra, extra, data.empty() || name != second ? base64(bytes) : data);
  }
  std::string waveform(const std::string& type) const {
    const std::string check = crc.empty() ? "" : fmt::format("<LeadDataCRC32>{}</LeadDataCRC32>", crc);
    return fmt::format("<Waveform><WaveformType>{}</WaveformType>{}{}{}{}{}{}</Waveform>", type, leads_promised,
                       sample_type, rate, filters, lead("I", std::string("\x0A\x00\xF6\xFF\x00\x00", 6), ""),
                       lead(second, second_samples, second_extra + check));
  }
  std::string text() const {
    return fmt::format("{}<RestingECG>{}{}{}</RestingECG>", declaration, before, waveform("Rhythm"), after);
  }
};

Recording parse(const Export& file, const ReadOptions& options = {}) {
  return parse_muse(file.text(), "x.xml", options);
}

TEST(Muse, ReadsLeadsAndDerivesTheOthers) {
  const Recording recording = parse({});
  EXPECT_EQ(recording.source, "x.xml");
  EXPECT_EQ(recording.format, "GE MUSE XML");
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  ASSERT_EQ(recording.leads.size(), 6U);
  EXPECT_THAT(recording.find("I")->samples, ElementsAre(0.05F, -0.05F, 0));
  EXPECT_THAT(recording.find("II")->samples, ElementsAre(0.5F, 1, -163.84F));
  EXPECT_FLOAT_EQ(recording.find("III")->samples[0], 0.45F);
  EXPECT_FLOAT_EQ(recording.find("aVR")->samples[0], -0.275F);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("III, aVR, aVL, aVF of the rhythm waveform computed")));
  EXPECT_FALSE(recording.median);
}

TEST(Muse, ReadsTheMedianBeat) {
  Export median;
  median.rate = "<SampleBase>25</SampleBase><SampleExponent>1</SampleExponent>";
  Export file;
  file.before = median.waveform("Median");
  const Recording recording = parse(file);
  EXPECT_DOUBLE_EQ(recording.rate, 500);
  ASSERT_TRUE(recording.median);
  EXPECT_DOUBLE_EQ(recording.median->rate, 250);
  EXPECT_EQ(recording.median->leads.size(), 6U);
}

TEST(Muse, ReadsPatientTimeStatementsAndFilters) {
  Export file;
  file.filters = "<HighPassFilter>5</HighPassFilter><LowPassFilter>150</LowPassFilter><ACFilter>NONE</ACFilter>";
  file.before =
      "<PatientDemographics><PatientID>J\xF6rg 7</PatientID><PatientAge>6</PatientAge><AgeUnits>MONTHS</AgeUnits>"
      "<Gender>FEMALE</Gender></PatientDemographics>"
      "<TestDemographics><AcquisitionTime>22:41:16</AcquisitionTime><AcquisitionDate>03-30-2023</AcquisitionDate>"
      "</TestDemographics><Diagnosis>"
      "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>Sinus rhythm</StmtText></DiagnosisStatement>"
      "<DiagnosisStatement><StmtText>Infarct</StmtText></DiagnosisStatement>"
      "<DiagnosisStatement><StmtFlag>USERINSERT</StmtFlag><StmtFlag>ENDSLINE</StmtFlag><StmtText>, old</StmtText>"
      "</DiagnosisStatement>"
      "<DiagnosisStatement><StmtText>Compared &amp;</StmtText></DiagnosisStatement>"
      "<DiagnosisStatement><StmtText>unchanged</StmtText></DiagnosisStatement></Diagnosis>"
      "<OriginalDiagnosis><DiagnosisStatement><StmtText>Original</StmtText></DiagnosisStatement></OriginalDiagnosis>";
  const Recording recording = parse(file);
  EXPECT_EQ(recording.patient.id, "J\xC3\xB6rg 7");
  EXPECT_EQ(recording.patient.age, 0.5);
  EXPECT_EQ(recording.patient.sex, "female");
  EXPECT_EQ(recording.recorded_at, "2023-03-30T22:41:16");
  EXPECT_THAT(recording.statements, ElementsAre("Sinus rhythm", "Infarct, old", "Compared & unchanged"));
  EXPECT_EQ(recording.filters.high_pass, 0.05);
  EXPECT_EQ(recording.filters.low_pass, 150);
  EXPECT_FALSE(recording.filters.notch);
  EXPECT_THAT(recording.notes, Contains(HasSubstr("HighPassFilter '5'")));
}

TEST(Muse, WhatCannotBeReadBesideTheSignalIsNoted) {
  Export file;
  file.second_extra = "<LeadOff>TRUE</LeadOff>";
  file.before =
      "<PatientDemographics><PatientAge>old</PatientAge><AgeUnits>YEARS</AgeUnits></PatientDemographics>"
      "<TestDemographics><AcquisitionDate>30-03-2023</AcquisitionDate></TestDemographics>"
      "<OriginalDiagnosis><DiagnosisStatement><StmtText>Original</StmtText></DiagnosisStatement></OriginalDiagnosis>";
  const Recording recording = parse(file);
  EXPECT_FALSE(recording.patient.age);
  EXPECT_EQ(recording.recorded_at, "");
  EXPECT_THAT(recording.statements, ElementsAre("Original"));
  EXPECT_THAT(recording.notes, AllOf(Contains(HasSubstr("'old YEARS'")), Contains(HasSubstr("'30-03-2023'")),
                                     Contains(HasSubstr("lead II as off"))));
}

TEST(Muse, ChecksumsAreVerifiedUnlessAskedNotTo) {
  Export file;
  const auto* bytes = reinterpret_cast<const Bytef*>(file.second_samples.data());
  const std::uint64_t sum = crc32(0, bytes, static_cast<uInt>(file.second_samples.size()));
  file.crc = std::to_string(sum);
  EXPECT_EQ(parse(file).length(), 3U);
  file.crc = std::to_string(sum ^ 1);
  EXPECT_DERI_ERROR(parse(file), AllOf(HasSubstr("lead II"), HasSubstr("CRC-32"), HasSubstr(std::to_string(sum))));
  ReadOptions options;
  options.verify_checksums = false;
  EXPECT_EQ(parse(file, options).length(), 3U);
}

TEST(Muse, RefusesWhatIsDamagedOrNotRead) {
  const auto with = [](const std::function<void(Export&)>& change) {
    Export file;
    change(file);
    return file.text();
  };
  const std::vector<std::pair<std::string, const char*>> cases{
      {"", "not well-formed"},
      {Export().text().substr(0, 500), "not well-formed"},
      {"<AnnotatedECG/>", "'AnnotatedECG' where 'RestingECG'"},
      {"<RestingECG/>", "no waveform of type Rhythm"},
      {"<RestingECG>" + Export().waveform("Median") + "</RestingECG>", "no waveform of type Rhythm"},
      {"<RestingECG><Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase></Waveform></RestingECG>",
       "has no leads"},
      {with([](Export& f) { f.after = f.waveform("Rhythm"); }), "in several pieces"},
      {with([](Export& f) { f.leads_promised = "<NumberofLeads>8</NumberofLeads>"; }), "promises 8 leads and holds 2"},
      {with([](Export& f) { f.leads_promised = "<NumberofLeads>x</NumberofLeads>"; }), "NumberofLeads is 'x'"},
      {with([](Export& f) { f.rate = ""; }), "SampleBase is ''"},
      {with([](Export& f) { f.rate = "<SampleBase>0</SampleBase>"; }), "0 Hz makes no sense"},
      {with([](Export& f) { f.rate = "<SampleBase>5</SampleBase><SampleExponent>999</SampleExponent>"; }), "inf Hz"},
      {with([](Export& f) { f.sample_type = "<SampleType>OTHER</SampleType>"; }), "'OTHER'"},
      {with([](Export& f) { f.second = "I"; }), "lead I appears twice"},
      {with([](Export& f) { f.second = ""; }), "without LeadID"},
      {with([](Export& f) { f.count = "4"; }), "LeadSampleCountTotal is 4, but its data has 6 bytes"},
      {with([](Export& f) { f.count = "1e300"; }), "LeadSampleCountTotal is 1e+300"},
      {with([](Export& f) { f.count = "-3"; }), "LeadSampleCountTotal is -3"},
      {with([](Export& f) { f.second_samples += "ab"; }), "LeadSampleCountTotal is 3, but its data has 8 bytes"},
      {with([](Export& f) { f.second_samples += "a"; }), "but its data has 7 bytes"},
      {with([](Export& f) { f.lead_extra = "<LeadByteCountTotal>5</LeadByteCountTotal>"; }), "LeadByteCountTotal is 5"},
      {with([](Export& f) { f.lead_extra = "<LeadSampleSize>4</LeadSampleSize>"; }), "samples of 4 bytes"},
      {with([](Export& f) { f.second_extra = "<WaveFormData>AAAA</WaveFormData>"; }), "2 pieces of data"},
      {with([](Export& f) { f.second_extra = "<LeadTimeOffset>2500</LeadTimeOffset>"; }), "begin at different times"},
      {with([](Export& f) { f.unit = "LITRES"; }), "in 'LITRES'"},
      {with([](Export& f) { f.per_bit = "0"; }), "0 MICROVOLTS per bit"},
      {with([](Export& f) { f.per_bit = "-4.88"; }), "-4.88 MICROVOLTS per bit"},
      {with([](Export& f) { f.per_bit = "four"; }), "LeadAmplitudeUnitsPerBit is 'four'"},
      {with([](Export& f) { f.data = "????"; }), "data of lead II: byte 0x3f at character 0 is not base64"},
      {with([](Export& f) { f.data = "ZADI"; }), "but its data has 3 bytes"},
      {with([](Export& f) { f.data = "ZADIAACA="; }), "base64"},
      {with([](Export& f) {
         f.declaration = "<!DOCTYPE RestingECG [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
         f.data = "&x;";
       }),
       "byte 0x26 at character 0 is not base64"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(message);
    EXPECT_DERI_ERROR(parse_muse(text, "x.xml"), AllOf(StartsWith("x.xml: "), HasSubstr(message)));
  }
}

TEST(Muse, EmptyLeadsAreRefused) {
  Export file;
  file.count = "0";
  file.data = " ";
  file.second = "I";  // both leads
  EXPECT_DERI_ERROR(parse(file), HasSubstr("lead I has no samples"));
}

TEST(Muse, OptionsMustAgree) {
  ReadOptions options;
  options.rate = 250;
  EXPECT_DERI_ERROR(parse({}, options), HasSubstr("--rate says 250"));
  options.rate = 500;
  EXPECT_EQ(parse({}, options).length(), 3U);
}

}  // namespace
}  // namespace deri
