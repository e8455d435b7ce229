#include <algorithm>
#include <fstream>
#include <utility>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/npy.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/store.hpp"
#include "deri/data/store_format.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

using namespace store_format;

constexpr const char* kRestart = "begin anew with --restart";

// --replace is for stores: another folder, the data set itself for one, is never taken for one.
bool checked_replace(const fs::path& path, bool replace) {
  if (replace && fs::exists(path) && !fs::exists(path / kInfoFile))
    fail("{} exists and is not a store (it has no {}), so it is not replaced: choose another folder", path.string(),
         kInfoFile);
  return replace;
}

// Changes when the machine is started: what the system had not yet put on the disk is lost then.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Json load_journal(const fs::path& path) {
  try {
    return load_json(path);
  } catch (const Error&) {  // the power went while it was written
    fail("{} was damaged; {}", path.string(), kRestart);
  }
}

// The staged folder holds the three growing files, and the journal if `with_journal`; what a killed process may have
// left beside them goes.
void remove_others(const fs::path& folder, bool with_journal) {
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path name = entry.path().filename();
    const bool known =
        name == kSignalsFile || name == kRecordsFile || name == kRejectedFile || (with_journal && name == kJournalFile);
    if (!known) others.push_back(entry.path());
  }
  std::error_code ignored;
  for (const fs::path& path : others) fs::remove_all(path, ignored);
}

}  // namespace

StoreWriter::StoreWriter(const fs::path& path, StoreInfo info, bool replace)
    : StoreWriter(path, std::move(info), StoreWriterOptions{.replace = replace}) {}

StoreWriter::StoreWriter(const fs::path& path, StoreInfo info, StoreWriterOptions options)
    : name_(path.string()),
      info_((check_info(info, name_), std::move(info))),
      options_(std::move(options)),
      folder_(path, checked_replace(path, options_.replace),
              resumable() ? StagedDirectory::Leftover::kKeep : StagedDirectory::Leftover::kRemove),
      signals_(folder_.path() / kSignalsFile),
      records_csv_(folder_.path() / kRecordsFile),
      rejected_csv_(folder_.path() / kRejectedFile),
      split_counts_{{kTrain, 0}, {kValidation, 0}, {kTest, 0}},
      last_journal_(std::chrono::steady_clock::now()) {
  if (!resume()) start();
}

StoreWriter::~StoreWriter() {
  if (finished_ || !checkpoint_pending_) return;
  try {
    write_journal();
  } catch (...) {  // a full disk: the journal before this one stands
  }
}

std::size_t StoreWriter::row_bytes() const {
  return info_.leads.size() * static_cast<std::size_t>(info_.samples) * sizeof(std::int16_t);
}

fs::path StoreWriter::journal() const {
  return folder_.path() / kJournalFile;
}

void StoreWriter::start() {
  folder_.keep(false);  // until there is something to go on from
  remove_others(folder_.path(), false);
  for (AppendFile* file : {&signals_, &records_csv_, &rejected_csv_}) file->cut(0);
  signals_.write(npy_header("<i2", {0, static_cast<std::int64_t>(info_.leads.size()), info_.samples}));
  records_csv_.write(records_header());
  rejected_csv_.write(csv_row({"file", "reason"}));
}

bool StoreWriter::resume() {
  if (!resumable() || options_.restart || !fs::exists(journal())) return false;
  const Json tree = load_journal(journal());
  const std::string name = journal().string();
  if (read_key<std::string>(tree, "fingerprint", name, kRestart) != options_.fingerprint)
    fail(
        "{} holds another preparation that was not finished (its source, options or version differ): repeat that one, "
        "or {}",
        folder_.path().string(), kRestart);
  restore(tree);
  if (read_key<std::string>(tree, "boot", name, kRestart) != boot_id()) verify_staged();
  remove_others(folder_.path(), true);
  journaled_ = true;
  return true;
}

// Cuts the files back to the journal and reads the rest of the state from them.
void StoreWriter::restore(const Json& tree) {
  const std::string name = journal().string();
  const auto number = [&](const char* key) { return read_key<std::uint64_t>(tree, key, name, kRestart); };
  signals_.cut(number("signals_bytes"));
  records_csv_.cut(number("records_bytes"));
  rejected_csv_.cut(number("rejected_bytes"));
  at_.checksum = parse_checksum(read_key<std::string>(tree, "checksum", name, kRestart), name);
  for_each_record(folder_.path() / kRecordsFile, info_, [this](StoreRecord&& record) {
    ++split_counts_[record.split];
    ++at_.records;
    ids_.insert(std::move(record.id));
  });
  CsvReader rejected(folder_.path() / kRejectedFile, {"file", "reason"});
  for (std::vector<std::string> cells; rejected.next(cells);) ++at_.rejected;
  const std::size_t header =
      npy_header("<i2", {0, static_cast<std::int64_t>(info_.leads.size()), info_.samples}).size();
  const bool agree = number("records") == static_cast<std::uint64_t>(at_.records) &&
                     number("rejected") == static_cast<std::uint64_t>(at_.rejected) &&
                     signals_.size() == header + static_cast<std::uint64_t>(at_.records) * row_bytes();
  if (!agree) fail("{} was damaged: its files do not hold what {} says; {}", folder_.path().string(), name, kRestart);
  resumed_ = read_key<Json>(tree, "note", name, kRestart);
}

// After a start of the machine the journal may have outlived the samples it speaks of.
void StoreWriter::verify_staged() const {
  const MappedFile file(folder_.path() / kSignalsFile);
  const std::size_t rows = static_cast<std::size_t>(at_.records) * row_bytes();
  const auto bytes = file.bytes().last(rows);
  std::uint64_t checksum = 0;
  for (std::size_t begin = 0; begin < rows; begin += row_bytes()) {
    // The header's length is even: samples are aligned.
    const auto* samples = reinterpret_cast<const std::int16_t*>(bytes.data() + begin);
    checksum = chain_checksum(checksum, signal_hash({samples, row_bytes() / sizeof(std::int16_t)}));
  }
  if (checksum != at_.checksum)
    fail("{} was damaged since it was written; {}", (folder_.path() / kSignalsFile).string(), kRestart);
}

void StoreWriter::add(const StoreRecord& record, std::span<const std::int16_t> signal) {
  add(record, signal, signal_hash(signal));
}

void StoreWriter::add(const StoreRecord& record, std::span<const std::int16_t> signal, std::uint64_t hash) {
  DERI_CHECK(signal.size_bytes() == row_bytes());
  check_record(record, info_, name_);
  if (!ids_.insert(record.id).second) fail("{}: the id {} was added before", name_, shown(record.id));
  signals_.write(std::as_bytes(signal));
  records_csv_.write(record_row(record));
  at_.checksum = chain_checksum(at_.checksum, hash);
  ++split_counts_[record.split];
  ++at_.records;
}

void StoreWriter::reject(const std::string& file, const std::string& reason) {
  rejected_csv_.write(csv_row({file, reason}));
  ++at_.rejected;
}

void StoreWriter::checkpoint(const Json& note) {
  if (!resumable()) return;
  at_.note = note;
  at_.signals_bytes = signals_.size();
  at_.records_bytes = records_csv_.size();
  at_.rejected_bytes = rejected_csv_.size();
  checkpoint_ = at_;
  checkpoint_pending_ = true;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - last_journal_;
  if (passed.count() >= options_.journal_seconds) write_journal();
}

// First the data, then the word that they are there: a kill in between costs work, nothing else.
void StoreWriter::write_journal() {
  for (AppendFile* file : {&signals_, &records_csv_, &rejected_csv_}) file->flush();
  Json tree;
  tree["fingerprint"] = options_.fingerprint;
  tree["boot"] = boot_id();
  tree["records"] = checkpoint_.records;
  tree["rejected"] = checkpoint_.rejected;
  tree["signals_bytes"] = checkpoint_.signals_bytes;
  tree["records_bytes"] = checkpoint_.records_bytes;
  tree["rejected_bytes"] = checkpoint_.rejected_bytes;
  tree["checksum"] = checksum_text(checkpoint_.checksum);
  tree["note"] = checkpoint_.note;
  write_file_atomic(journal(), tree.dump(2), Survives::kKill);
  folder_.keep(true);
  journaled_ = true;
  checkpoint_pending_ = false;
  last_journal_ = std::chrono::steady_clock::now();
}

void StoreWriter::discard() {
  checkpoint_pending_ = false;
  folder_.keep(false);
}

Json StoreWriter::describe(const Json& facts) const {
  Json tree;
  tree["version"] = kStoreVersion;
  tree["written_by"] = "deri " DERI_VERSION;
  tree["rate"] = info_.rate;
  tree["leads"] = info_.leads;
  tree["samples"] = info_.samples;
  tree["unit"] = "uV";
  tree["records"] = at_.records;
  tree["rejected"] = at_.rejected;
  tree["splits"] = split_counts_;
  tree["label_sets"] = info_.label_sets;
  tree["checksum"] = checksum_text(at_.checksum);
  tree["made_by"] = info_.made_by;
  for (const auto& [key, value] : facts.items()) tree["made_by"][key] = value;
  return tree;
}

void StoreWriter::finish(const Json& facts) {
  if (at_.records == 0) fail("{}: no record was added, so there is no store ({} rejected)", name_, at_.rejected);
  const std::string header =
      npy_header("<i2", {at_.records, static_cast<std::int64_t>(info_.leads.size()), info_.samples});
  signals_.overwrite(0, std::as_bytes(std::span(header.data(), header.size())));
  for (AppendFile* file : {&signals_, &records_csv_, &rejected_csv_}) file->sync();
  save_json(folder_.path() / kInfoFile, describe(facts));
  folder_.commit();
  finished_ = true;
  std::error_code ignored;
  if (journaled_) fs::remove(fs::path(name_) / kJournalFile, ignored);
}

}  // namespace deri
