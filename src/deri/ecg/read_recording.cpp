#include "deri/ecg/read_recording.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/aecg.hpp"
#include "deri/ecg/biosig.hpp"
#include "deri/ecg/dicom.hpp"
#include "deri/ecg/ishne.hpp"
#include "deri/ecg/mat_recording.hpp"
#include "deri/ecg/matrix_recording.hpp"
#include "deri/ecg/muse.hpp"
#include "deri/ecg/table.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/ecg/xml.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// The beginning of a file: enough for any format's signature and for the root of an XML file with a long prologue.
std::string first_bytes(const fs::path& path) {
  constexpr std::size_t kEnough = 16384;
  if (fs::is_directory(path)) fail("{} is a folder, not an ECG file", path.string());
  std::ifstream stream(path, std::ios::binary);
  std::string bytes(kEnough, '\0');
  stream.read(bytes.data(), kEnough);
  if (stream.bad() || (stream.fail() && stream.gcount() == 0 && !stream.eof()))
    fail("cannot read {}: there is no such file, or it may not be read", path.string());
  bytes.resize(static_cast<std::size_t>(stream.gcount()));
  return bytes;
}

// A signature at a fixed place of a file.
struct Signature {
  std::size_t at;
  std::string_view text;
  EcgFormat format;
};

constexpr std::string_view kBdf = "\377BIOSEMI";  // octal: a hexadecimal escape would swallow the B

constexpr Signature kSignatures[] = {
    {128, "DICM", EcgFormat::kDicom},
    {0, "MATLAB ", EcgFormat::kMatlab},
    {0, "\x89HDF\r\n", EcgFormat::kMatlab},  // version 7.3, which the MATLAB reader refuses with its reason
    {16, "SCPECG", EcgFormat::kScp},
    {0, "0       ", EcgFormat::kEdf},
    {0, kBdf, EcgFormat::kEdf},
    {0, "ISHNE1.0", EcgFormat::kIshne},
    {0, "\x93NUMPY", EcgFormat::kNpy},
};

// What has no signature, by its name.
std::optional<EcgFormat> format_of_name(const fs::path& path) {
  const std::string suffix = lower_case(path.extension().string());
  if (suffix == ".mat") return EcgFormat::kMatlab;  // version 4 has no signature
  if (suffix == ".csv" || suffix == ".tsv" || suffix == ".txt") return EcgFormat::kCsv;
  return std::nullopt;
}

// The header of the WFDB record that `path` stands for; nothing if it stands for none.
std::optional<fs::path> wfdb_header_of(const fs::path& path) {
  if (path.extension() == ".hea") return path;
  fs::path appended = path;
  appended += ".hea";
  if (!fs::exists(path) && fs::is_regular_file(appended)) return appended;
  const std::string suffix = path.extension().string();
  const fs::path beside = fs::path(path).replace_extension(".hea");
  if ((suffix == ".dat" || suffix == ".mat") && fs::is_regular_file(beside)) return beside;
  return std::nullopt;
}

// For formats that say everything themselves.
Recording checked(Recording recording, const ReadOptions& options) {
  check_agreement(recording, options);
  return recording;
}

// Of a file that stands for no WFDB record.
EcgFormat format_of_file(const fs::path& path) {
  const std::string bytes = first_bytes(path);
  for (const Signature& signature : kSignatures)
    if (std::string_view(bytes).substr(std::min(signature.at, bytes.size())).starts_with(signature.text))
      return signature.format;
  if (!xml_root(bytes).empty())
    return xml_format(bytes, path.string()) == XmlFormat::kMuse ? EcgFormat::kMuse : EcgFormat::kAecg;
  if (const std::optional<EcgFormat> format = format_of_name(path)) return *format;
  fail(
      "{}: not an ECG file of a known format; there are WFDB (.hea), MATLAB, DICOM, HL7 aECG and GE MUSE XML, SCP-ECG, "
      "EDF, BDF, ISHNE, CSV and NPY",
      path.string());
}

}  // namespace

EcgFormat detect_format(const fs::path& path) {
  return wfdb_header_of(path) ? EcgFormat::kWfdb : format_of_file(path);
}

Recording read_recording(const fs::path& path, const ReadOptions& options) {
  if (const std::optional<fs::path> header = wfdb_header_of(path))
    return checked(read_wfdb(*header, {.verify_checksums = options.verify_checksums}), options);
  switch (format_of_file(path)) {
    case EcgFormat::kWfdb:
      break;  // done above
    case EcgFormat::kMatlab:
      return read_mat(path, options);
    case EcgFormat::kDicom:
      return checked(read_dicom(path), options);
    case EcgFormat::kAecg:
      return read_aecg(path, options);
    case EcgFormat::kMuse:
      return read_muse(path, options);
    case EcgFormat::kScp:
      return checked(read_scp(path), options);
    case EcgFormat::kEdf:
      return checked(read_edf(path), options);
    case EcgFormat::kIshne:
      return checked(read_ishne(path), options);
    case EcgFormat::kCsv:
      return read_csv_recording(path, options);
    case EcgFormat::kNpy:
      return read_npy_recording(path, options);
  }
  throw InternalError("read_recording: a format without a reader");
}

}  // namespace deri
