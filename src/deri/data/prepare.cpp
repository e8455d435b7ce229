#include "deri/data/prepare.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <thread>
#include <utility>

#include <xxhash.h>

#include "deri/base/strings.hpp"
#include "deri/data/ordered_work.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/repair.hpp"
#include "deri/ecg/resample.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr double kLeastRate = 10, kGreatestRate = 10000;  // of a store, Hz
constexpr std::size_t kMostThreads = 256;
constexpr std::size_t kBlockBytes = std::size_t{2} << 20;  // of signals: enough to make handing over cheap
constexpr std::size_t kMostBlockRecords = 64;
constexpr const char* kUnusable = "cannot be used";  // the kind of a rejection that names none

// What became of one entry.
struct Outcome {
  StoreRecord record;
  std::vector<std::int16_t> signal;  // [leads, samples]; empty: rejected
  std::uint64_t hash = 0;
  bool repaired = false;
  std::string name, kind, rejection;  // of a rejected entry
};

// "cannot open /data/ptbxl/records100/…" → "cannot open records100/…": rejected.csv is the same wherever the data lie.
std::string without_prefix(std::string text, const std::string& prefix) {
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at))
    text.erase(at, prefix.size());
  return text;
}

// Mends, resamples and cuts. Throws Error for what a store must not hold.
std::vector<std::int16_t> make_signal(const Recording& recording, const StoreInfo& info, const RepairOptions& options,
                                      bool& repaired) {
  SignalMatrix signal = select_leads(recording, info.leads);
  const RepairReport report = repair(signal, options);
  if (report.rejection) fail("{}", *report.rejection);
  repaired = report.total_repaired() > 0;
  if (signal.rate != info.rate) signal = resample(signal, info.rate);
  const auto samples = static_cast<std::size_t>(info.samples);
  if (signal.length != samples) signal = fit_length(signal, samples);
  return to_microvolts(signal);
}

Outcome make_outcome(const RecordSource& source, const StoreInfo& info, const RepairOptions& options,
                     std::size_t index) {
  Outcome outcome;
  const auto reject = [&](const Error& error, const std::string& kind) {
    outcome.name = source.name(index);
    outcome.kind = kind;
    outcome.rejection = without_prefix(error.what(), (source.root() / "").string());
    outcome.signal.clear();
  };
  try {
    outcome.record = source.record(index);
    const Recording recording = source.read(outcome.record);
    outcome.signal = make_signal(recording, info, options, outcome.repaired);
    outcome.hash = signal_hash(outcome.signal);
  } catch (const Rejection& rejection) {
    reject(rejection, rejection.kind());
  } catch (const Error& error) {
    reject(error, kUnusable);
  }
  return outcome;
}

// Writes outcomes in order, and keeps the counts that the store itself does not.
class OutcomeWriter {
 public:
  OutcomeWriter(const RecordSource& source, StoreWriter& writer) : source_(source), writer_(writer) {
    const Json& note = writer.resumed();
    if (note.is_null()) return;
    done_ = note.value("done", std::int64_t{0});
    repaired_ = note.value("repaired", std::int64_t{0});
    first_rejection_ = note.value("first_rejection", std::string());
    rejections_ = note.value("rejections", std::map<std::string, std::int64_t>());
  }

  // Entries written or rejected.
  std::int64_t done() const { return done_; }

  void write(const Outcome& outcome) {
    if (outcome.signal.empty()) {
      reject(outcome.name, outcome.kind, outcome.rejection);
    } else if (writer_.has(outcome.record.id)) {
      reject(source_.name(static_cast<std::size_t>(done_)), "id seen before",
             fmt::format("the id {} appears a second time", shown(outcome.record.id)));
    } else {
      writer_.add(outcome.record, outcome.signal, outcome.hash);
      repaired_ += outcome.repaired ? 1 : 0;
    }
    ++done_;
  }

  void checkpoint() {
    Json note;
    note["done"] = done_;
    note["repaired"] = repaired_;
    note["first_rejection"] = first_rejection_;
    note["rejections"] = rejections_;
    writer_.checkpoint(note);
  }

  PrepareSummary summary() const {
    PrepareSummary summary;
    summary.records = writer_.records();
    summary.rejected = writer_.rejected();
    summary.repaired = repaired_;
    summary.rejections = rejections_;
    summary.first_rejection = first_rejection_;
    for (const auto& [split, records] : writer_.splits())
      if (records > 0) summary.splits[split] = records;
    return summary;
  }

 private:
  void reject(const std::string& name, const std::string& kind, const std::string& reason) {
    writer_.reject(name, reason);
    ++rejections_[kind];
    if (first_rejection_.empty()) first_rejection_ = fmt::format("{}: {}", name, reason);
  }

  const RecordSource& source_;
  StoreWriter& writer_;
  std::int64_t done_ = 0, repaired_ = 0;
  std::string first_rejection_;
  std::map<std::string, std::int64_t> rejections_;
};

StoreInfo store_info(const RecordSource& source, const PrepareOptions& options) {
  StoreInfo info = source.info();
  info.rate = options.rate.value_or(info.rate);
  check_store_rate(info.rate);
  info.samples = std::llround(info.rate * kStoreSeconds);
  info.made_by["options"]["rate"] = options.rate ? Json(*options.rate) : Json(nullptr);
  info.made_by["options"]["keep_flat_leads"] = options.keep_flat_leads;
  return info;
}

std::string whole_fingerprint(const RecordSource& source, const StoreInfo& info) {
  const std::string text =
      fmt::format("{} {} {} {} {} {} {}", kStoreVersion, DERI_VERSION, info.rate, Json(info.leads).dump(),
                  Json(info.label_sets).dump(), info.made_by.dump(), source.size());
  return fmt::format("{} {}", text_fingerprint(text), source.fingerprint());
}

void write_records(const RecordSource& source, const StoreInfo& info, const PrepareOptions& options,
                   OutcomeWriter& writer) {
  const std::size_t total = source.size();
  const auto first = static_cast<std::size_t>(writer.done());
  DERI_CHECK(first <= total);
  const auto report = [&] {
    if (options.progress) options.progress(writer.done(), static_cast<std::int64_t>(total));
  };
  report();
  const std::size_t threads = std::clamp<std::size_t>(
      options.threads > 0 ? options.threads : std::thread::hardware_concurrency(), 1, kMostThreads);
  RepairOptions repair_options;
  repair_options.keep_flat_leads = options.keep_flat_leads;
  const std::size_t record_bytes = info.leads.size() * static_cast<std::size_t>(info.samples) * sizeof(std::int16_t);
  const std::size_t block = std::clamp<std::size_t>(kBlockBytes / record_bytes, 1, kMostBlockRecords);
  OrderedWork<std::vector<Outcome>> work((total - first + block - 1) / block, threads, threads + threads / 2 + 2,
                                         [&](std::size_t number) {
                                           std::vector<Outcome> outcomes;
                                           const std::size_t begin = first + number * block;
                                           const std::size_t end = std::min(begin + block, total);
                                           outcomes.reserve(end - begin);
                                           for (std::size_t i = begin; i < end; ++i)
                                             outcomes.push_back(make_outcome(source, info, repair_options, i));
                                           return outcomes;
                                         });
  while (const auto outcomes = work.next()) {
    for (const Outcome& outcome : *outcomes) writer.write(outcome);
    writer.checkpoint();
    report();
  }
}

}  // namespace

PrepareSummary prepare_store(const RecordSource& source, const fs::path& out, const PrepareOptions& options) {
  if (source.size() == 0) fail("{}: there are no records", source.root().string());
  const StoreInfo info = store_info(source, options);
  StoreWriter store(out, info,
                    {.replace = options.replace,
                     .fingerprint = whole_fingerprint(source, info),
                     .restart = options.restart,
                     .journal_seconds = options.journal_seconds});
  OutcomeWriter writer(source, store);
  const std::int64_t resumed = writer.done();
  write_records(source, info, options, writer);
  PrepareSummary summary = writer.summary();
  summary.resumed = resumed;
  summary.rate = info.rate;
  if (summary.records == 0) {
    store.discard();
    fail("{}: all {} records were rejected, the first because of {}", source.root().string(), summary.rejected,
         summary.first_rejection);
  }
  Json facts = Json::object();
  facts["entries"] = source.size();
  facts["repaired"] = summary.repaired;
  facts["rejections"] = summary.rejections;
  store.finish(facts);
  return summary;
}

void check_store_rate(const std::optional<double>& rate) {
  if (!rate) return;
  if (!(*rate >= kLeastRate && *rate <= kGreatestRate) || *rate * kStoreSeconds != std::floor(*rate * kStoreSeconds))
    fail("the rate {} Hz cannot be made: it must lie between {} and {} Hz and give whole samples in {} s", *rate,
         kLeastRate, kGreatestRate, kStoreSeconds);
}

bool stays_inside(const fs::path& name) {
  return name.is_relative() && std::find(name.begin(), name.end(), "..") == name.end();
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::string bytes_fingerprint(std::span<const std::byte> bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

std::string text_fingerprint(std::string_view text) {
  return bytes_fingerprint(std::as_bytes(std::span(text.data(), text.size())));
}

std::string names_fingerprint(const std::vector<std::string>& names) {
  std::string lines;
  for (const std::string& name : names) lines += name + '\n';
  return text_fingerprint(lines);
}

std::string whole_number(std::string_view cell, std::string_view column) {
  const std::size_t point = cell.find('.');
  const std::string_view digits = cell.substr(0, point);
  const std::string_view decimals = point == std::string_view::npos ? "" : cell.substr(point + 1);
  const bool valid = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos &&
                     decimals.find_first_not_of('0') == std::string_view::npos;
  if (!valid) fail("{} is '{}', not a whole number", column, shown(cell));
  return std::string(digits);
}

std::vector<std::string> list_files(const fs::path& folder, std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(suffix) && !entry->is_directory(error))
      names.push_back(entry->path().lexically_relative(folder).string());
    error.clear();
  }
  if (error) fail("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

void PatientSplits::add(const StoreRecord& record, std::string_view place, std::string_view advice) {
  const Seen& first = patients_.try_emplace(record.patient, Seen{record.split, record.id}).first->second;
  if (first.split != record.split)
    fail("{}: patient {} lies in two splits (record {} in {}, {} in {}); {}", place, shown(record.patient),
         shown(first.id), first.split, shown(record.id), record.split, advice);
}

}  // namespace deri
