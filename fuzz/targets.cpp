#include "targets.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <sys/mman.h>
#include <unistd.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/json.hpp"
#include "deri/base/npy.hpp"
#include "deri/base/safetensors.hpp"
#include "deri/data/ptbxl_labels.hpp"
#include "deri/ecg/aecg.hpp"
#include "deri/ecg/mat_recording.hpp"
#include "deri/ecg/muse.hpp"
#include "deri/ecg/table.hpp"
#include "deri/ecg/wfdb.hpp"
#include "deri/ecg/xml.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {
namespace {

// A folder in which every signal file holds the same bytes, and every segment's header the same text: names may mutate
// without the signals getting lost.
class FuzzedFolder : public WfdbFolder {
 public:
  FuzzedFolder(std::string_view record, std::string_view segment, std::string_view signals)
      : record_(record), segment_(segment), signals_(signals) {}
  std::string header(const std::string& file) const override {
    return std::string(file == "record.hea" ? record_ : segment_);
  }
  std::optional<std::uint64_t> size(const std::string&) const override { return signals_.size(); }
  void read(const std::string&, std::uint64_t offset, std::span<std::byte> bytes) const override {
    DERI_CHECK(offset <= signals_.size() && bytes.size() <= signals_.size() - offset);
    if (!bytes.empty()) std::memcpy(bytes.data(), signals_.data() + offset, bytes.size());
  }
  std::string path_of(const std::string& file) const override { return file; }

 private:
  std::string_view record_, segment_, signals_;
};

constexpr char kSeparator = '\x1E';  // between the files of an input; no text file holds it

std::string_view take_file(std::string_view& input) {
  const std::size_t end = std::min(input.find(kSeparator), input.size());
  const std::string_view file = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return file;
}

// What a user would have to say of a file that does not say it.
ReadOptions two_leads() {
  ReadOptions options;
  options.rate = 500;
  options.unit = "mV";
  options.leads = {"I", "II"};
  return options;
}

void check_shape(const Recording& recording) {
  DERI_CHECK(!recording.leads.empty() && recording.rate > 0);
  for (const Lead& lead : recording.leads) DERI_CHECK(lead.samples.size() == recording.length());
}

// The record's header, the header of its segments, and the bytes of every signal file.
void fuzz_wfdb(std::string_view input) {
  const std::string_view record = take_file(input);
  const std::string_view segment = take_file(input);
  const FuzzedFolder folder(record, segment, input);
  WfdbOptions options;
  options.verify_checksums = false;  // or no mutated signal would pass
  check_shape(read_wfdb(folder, "record", options));
  options.frames = WfdbFrames::kAverage;
  read_wfdb(folder, "record", options);
}

// With options and without, for either may stop a file early.
void parse_twice(Recording (*parse)(std::string_view, const std::string&, const ReadOptions&), std::string_view input) {
  try {
    check_shape(parse(input, "input", {}));
  } catch (const Error&) {
    check_shape(parse(input, "input", two_leads()));
  }
}

void fuzz_mat(std::string_view input) {
  parse_twice(parse_mat, input);
}

void fuzz_xml(std::string_view input) {
  const bool muse = xml_format(input, "input.xml") == XmlFormat::kMuse;
  check_shape((muse ? parse_muse : parse_aecg)(input, "input.xml", {}));
}

void fuzz_csv(std::string_view input) {
  parse_twice(parse_csv_recording, input);
}

// A file without a name, for parsers that map theirs.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content) : fd_(::memfd_create("input", MFD_CLOEXEC)) {
    DERI_CHECK(fd_ >= 0 && ::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

// A table row by row and at random, which must agree; and its cells as PTB-XL's codes.
void fuzz_table(std::string_view input) {
  const MemoryFile file(input);
  const CsvTable table(file.path());
  CsvReader reader(file.path());
  DERI_CHECK(reader.header() == table.header());
  std::vector<std::string> row, again;
  for (std::size_t i = 0; reader.next(row); ++i) {
    table.row(i, again);
    DERI_CHECK(row == again && reader.line() == table.line(i));
    table.cell(i, row.size() - 1, again.front());
    DERI_CHECK(again.front() == row.back());
    for (const std::string& cell : row) {
      try {
        parse_scp_codes(cell);
      } catch (const Error&) {  // most cells are none
      }
    }
  }
}

void fuzz_npy(std::string_view input) {
  const auto bytes = std::as_bytes(std::span(input.data(), input.size()));
  const NpyHeader header = parse_npy(bytes, "input.npy");
  const auto items = static_cast<std::uint64_t>(header.items());
  DERI_CHECK(header.data_offset <= bytes.size() && items * header.item_bytes <= bytes.size() - header.data_offset);
  check_shape(parse_npy_recording(input, "input.npy", two_leads()));
}

void fuzz_safetensors(std::string_view input) {
  const auto bytes = std::as_bytes(std::span(input.data(), input.size()));
  for (const auto& [name, tensor] : parse_safetensors(bytes, "input.safetensors").tensors)
    DERI_CHECK(tensor.bytes.data() >= bytes.data() &&
               tensor.bytes.data() + tensor.bytes.size() <= bytes.data() + bytes.size());
}

// A vocabulary, and a text that it tokenizes.
void fuzz_vocabulary(std::string_view input) {
  const WordPiece wordpiece = WordPiece::parse(take_file(input), "vocab.txt");
  for (const std::int32_t id : wordpiece.encode(input, 64))
    DERI_CHECK(id >= 0 && static_cast<std::size_t>(id) < wordpiece.size());
}

constexpr FuzzTarget kTargets[] = {
    {"wfdb", fuzz_wfdb},
    {"mat", fuzz_mat},
    {"xml", fuzz_xml},
    {"npy", fuzz_npy},
    {"csv", fuzz_csv},
    {"table", fuzz_table},
    {"safetensors", fuzz_safetensors},
    {"vocabulary", fuzz_vocabulary},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() {
  return kTargets;
}

void run_fuzz_target(std::string_view name, std::string_view input) {
  const auto* const target =
      std::find_if(std::begin(kTargets), std::end(kTargets), [&](const FuzzTarget& each) { return each.name == name; });
  DERI_CHECK(target != std::end(kTargets));
  try {
    target->run(input);
  } catch (const Error&) {
    // The answer to a malformed input.
  }
}

}  // namespace deri
