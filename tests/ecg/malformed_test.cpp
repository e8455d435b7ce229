// Malformed files of every format, and the one line each gives: docs/malformed.md shows the same table.

#include <cstring>
#include <fstream>
#include <sstream>

#include "testing/testing.hpp"
#include <fmt/format.h>

#include "deri/base/npy.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/read_recording.hpp"

namespace deri {
namespace {

struct Malformed {
  std::string what;                                        // in words
  std::vector<std::pair<std::string, std::string>> files;  // name and content; the first is the one that is read
  ReadOptions options = {};
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

template <typename... Values>
std::string packed(Values... values) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
  return bytes;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(width, ' ');
  return text;
}

// A MATLAB 5 file: its 128-byte header and what follows.
std::string mat5(const std::string& body, const char* order = "IM") {
  return padded("MATLAB 5.0 MAT-file", 124) + std::string("\x00\x01", 2) + order + body;
}

std::string npy(const std::string& dtype, const std::string& shape, const std::string& order, const std::string& data) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", dtype, order, shape);
  header.resize(118, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + data;
}

// The first 256 bytes of an EDF file; its signals' fields would follow.
std::string edf(const std::string& records, const std::string& signals, const std::string& rest) {
  return padded("0", 8) + padded("X X X X", 80) + padded("Startdate X X X X", 80) + "01.01.2001.00.00" +
         padded(std::to_string(256), 8) + padded("", 44) + padded(records, 8) + padded("1", 8) + padded(signals, 4) +
         rest;
}

std::string muse(const std::string& amplitude, const std::string& waveform) {
  return "<?xml version=\"1.0\"?><RestingECG><Waveform><WaveformType>Rhythm</WaveformType><SampleBase>500</SampleBase>"
         "<SampleExponent>0</SampleExponent><LeadData><LeadSampleCountTotal>4</LeadSampleCountTotal>"
         "<LeadAmplitudeUnitsPerBit>" +
         amplitude +
         "</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>I</LeadID>"
         "<WaveFormData>" +
         waveform + "</WaveFormData></LeadData></Waveform></RestingECG>";
}

const char* const kEntityBomb =
    "<?xml version=\"1.0\"?><!DOCTYPE b [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]>";

std::vector<Malformed> malformed_files() {
  const std::string samples = packed<std::int16_t, std::int16_t, std::int16_t, std::int16_t>(1, 2, 3, 4);
  const auto wfdb = [&](const std::string& what, const std::string& header) {
    return Malformed{what, {{"r.hea", header}, {"r.dat", samples}}};
  };
  ReadOptions said;
  said.rate = 500;
  said.unit = "mV";
  said.leads = {"I", "II"};
  ReadOptions at_500_hz;
  at_500_hz.rate = 500;
  const std::string double_matrix = packed<std::uint32_t, std::uint32_t>(14, 64) +
                                    packed<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>(6, 8, 6, 0) +
                                    packed<std::uint32_t, std::uint32_t, std::int32_t, std::int32_t>(5, 8, 2, -3) +
                                    packed<std::uint32_t, std::uint32_t>(1, 3) + std::string("val\0\0\0\0\0", 8) +
                                    packed<std::uint32_t, std::uint32_t, double>(9, 8, 1.0);
  return {
      // WFDB
      wfdb("an empty header", ""),
      wfdb("a signal file shorter than promised", "r 1 500 5\nr.dat 16 1000/mV\n"),
      wfdb("a number of samples that no file can hold", "r 1 500 18446744073709551615\nr.dat 16 1000/mV\n"),
      wfdb("a number of samples that overflows", "r 1 500 99999999999999999999\nr.dat 16 1000/mV\n"),
      wfdb("a negative number of signals", "r -1 500 4\nr.dat 16 1000/mV\n"),
      wfdb("more signals than lines", "r 4000000000 500 4\nr.dat 16 1000/mV\n"),
      wfdb("a rate of 0", "r 1 0 4\nr.dat 16 1000/mV\n"),
      wfdb("an absurd rate", "r 1 1e300 4\nr.dat 16 1000/mV\n"),
      wfdb("a gain of 0", "r 1 500 4\nr.dat 16 0/mV\n"),
      wfdb("an unknown signal format", "r 1 500 4\nr.dat 17 1000/mV\n"),
      wfdb("a byte offset beyond the file", "r 1 500 4\nr.dat 16+18446744073709551615 1000/mV\n"),
      wfdb("a wrong checksum", "r 1 500 4\nr.dat 16 1000/mV 16 0 1 11 0 I\n"),
      wfdb("a signal file outside the folder", "r 1 500 4\n../r.dat 16 1000/mV\n"),
      wfdb("an absolute signal file", "r 1 500 4\n/etc/passwd 16 1000/mV\n"),
      wfdb("a segment outside the folder", "r/1 1 500 4\n../r 4\n"),
      wfdb("a record that is its own segment", "r/1 1 500 4\nr 4\n"),
      {"a gap of a thousand million samples",
       {{"r.hea", "r/2 1 500\na 0\n~ 1000000000\n"}, {"a.hea", "a 1 500 0\n~ 0 1000/mV 16 0 0 0 0 I\n"}}},
      {"a FLAC file that is none",
       {{"r.hea", "r 1 500 4\nr.dat 516 1000/mV\n"}, {"r.dat", "fLaC" + repeated("x", 60)}}},
      // MATLAB
      {"a negative dimension", {{"r.mat", mat5(double_matrix)}}, said},
      {"the wrong byte order", {{"r.mat", mat5(double_matrix, "MI")}}, said},
      {"an element longer than the file",
       {{"r.mat", mat5(packed<std::uint32_t, std::uint32_t>(14, 0xFFFFFFF0))}},
       said},
      // XML
      {"an entity bomb", {{"r.xml", std::string(kEntityBomb) + "<RestingECG>&c;</RestingECG>"}}},
      {"an entity for a file elsewhere",
       {{"r.xml", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" +
                      muse("4.88", "&x;").substr(21)}}},
      {"XML cut off", {{"r.xml", muse("4.88", "AQACAAMABAA=").substr(0, 300)}}},
      {"a waveform of another length", {{"r.xml", muse("4.88", "AQACAA==")}}},
      {"an amplitude of 0 per bit", {{"r.xml", muse("0", "AQACAAMABAA=")}}},
      // NPY and CSV
      {"an array larger than its file", {{"r.npy", npy("<i2", "(2, 4611686018427387904)", "False", samples)}}, said},
      {"an array of Python objects", {{"r.npy", npy("|O", "(2, 2)", "False", samples)}}, said},
      {"an array without its rate", {{"r.npy", npy("<i2", "(2, 2)", "False", samples)}}},
      {"duplicate leads", {{"r.csv", "I (mV),I (mV)\n1,2\n"}}, at_500_hz},
      {"a row that is too short", {{"r.csv", "I (mV),II (mV)\n1,2\n3\n"}}, at_500_hz},
      {"times that run backwards", {{"r.csv", "time (s),I (mV)\n0,1\n0.002,2\n0.001,3\n"}}},
      // DICOM, EDF, SCP
      {"a DICOM file cut off after its signature", {{"r.dcm", std::string(128, '\0') + "DICM"}}},
      {"an EDF file with a negative number of records", {{"r.edf", edf("-5", "1", repeated(" ", 256))}}},
      {"an EDF file with more signals than it has room for", {{"r.edf", edf("1", "9999", "")}}},
      {"an SCP file cut off", {{"r.scp", std::string(16, '\0') + "SCPECG" + std::string(10, '\0')}}},
      {"an ISHNE file cut off", {{"r.ecg", "ISHNE1.0" + std::string(20, '\0')}}},
      {"no ECG at all", {{"r.doc", "Dear colleague"}}},
  };
}

std::string message_of(const Malformed& malformed) {
  const TemporaryDirectory folder;
  for (const auto& [name, content] : malformed.files) write_file_atomic(folder.path() / name, content);
  try {
    read_recording(folder.path() / malformed.files.front().first, malformed.options);
  } catch (const Error& error) {
    std::string message = error.what();
    const std::string prefix = (folder.path() / "").string();
    for (std::size_t at = message.find(prefix); at != std::string::npos; at = message.find(prefix))
      message.erase(at, prefix.size());
    return message;
  }
  return "(read)";
}

TEST(MalformedFiles, EachGivesTheMessageThatTheDocumentShows) {
  const std::string document = read_file(testing::source_dir() / "docs" / "malformed.md");
  std::string table;
  for (const Malformed& malformed : malformed_files())
    table += fmt::format("| {} | {} | `{}` |\n", malformed.files.front().first, malformed.what, message_of(malformed));
  EXPECT_THAT(table, ::testing::Not(::testing::HasSubstr("(read)")));
  EXPECT_NE(document.find(table), std::string::npos) << "docs/malformed.md should hold this table:\n" << table;
}

TEST(MalformedFiles, MessagesAreOneLineAndNameTheFile) {
  for (const Malformed& malformed : malformed_files()) {
    const std::string message = message_of(malformed);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find(malformed.files.front().first.substr(0, 2)), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace deri
