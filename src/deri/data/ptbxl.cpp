#include "deri/data/ptbxl.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/ptbxl_labels.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/input.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/repair.hpp"
#include "deri/ecg/resample.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTableFile = "ptbxl_database.csv";
constexpr const char* kStatementsFile = "scp_statements.csv";
constexpr double kSeconds = 10;
constexpr double kLowRate = 100, kHighRate = 500;         // filename_lr, filename_hr
constexpr double kLeastRate = 10, kGreatestRate = 10000;  // of a store, Hz
constexpr std::size_t kRecordsPerThread = 32;             // in memory at a time
constexpr std::size_t kMostThreads = 256;

// The records of releases 1.0.0 to 1.0.2 that 1.0.3 no longer has: (ecg_id, patient_id).
constexpr std::pair<std::string_view, std::string_view> kDroppedDuplicates[] = {
    {"137", "8727"},  {"139", "11121"}, {"140", "13451"}, {"141", "16722"}, {"142", "8159"},  {"143", "16914"},
    {"145", "16690"}, {"456", "16773"}, {"458", "19497"}, {"459", "19795"}, {"461", "16942"}, {"462", "19466"}};

// False too for a name that the system refuses.
bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_dropped_duplicate(const StoreRecord& record) {
  return std::any_of(std::begin(kDroppedDuplicates), std::end(kDroppedDuplicates), [&](const auto& duplicate) {
    return record.id == duplicate.first && record.patient == duplicate.second;
  });
}

// One row of the table.
struct Entry {
  StoreRecord record;     // .source is set once the rate is chosen
  std::string low, high;  // filename_lr, filename_hr
  std::string place;      // file:line, for what has no better name
  std::string rejection;  // why it is not read; empty: it is
};

struct Plan {
  std::vector<Entry> entries;
  std::map<std::string, std::vector<std::string>> label_sets;
  PrepareSummary summary;
};

// "15709.0", as pandas writes whole numbers of a column with gaps, is 15709. Throws Error for what is not a whole
// number.
std::string whole_number(std::string_view cell, std::string_view column) {
  const std::size_t point = cell.find('.');
  const std::string_view digits = cell.substr(0, point);
  const std::string_view decimals = point == std::string_view::npos ? "" : cell.substr(point + 1);
  const bool valid = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos &&
                     decimals.find_first_not_of('0') == std::string_view::npos;
  if (!valid) fail("{} is '{}', not a whole number", column, cell);
  return std::string(digits);
}

std::string split_of_fold(const std::string& cell) {
  const std::string fold = whole_number(cell, "strat_fold");
  if (fold == "9") return kValidation;
  if (fold == "10") return kTest;
  if (fold.size() == 1 && fold >= "1" && fold <= "8") return kTrain;
  fail("strat_fold is {}; the folds are 1 to 10", fold);
}

// The table's columns; one of the two file names may be absent.
struct Columns {
  explicit Columns(const CsvReader& table)
      : id(table.column("ecg_id")),
        patient(table.column("patient_id")),
        report(table.column("report")),
        codes(table.column("scp_codes")),
        fold(table.column("strat_fold")) {
    if (table.has_column("filename_hr")) high = table.column("filename_hr");
    if (table.has_column("filename_lr") || !high) low = table.column("filename_lr");
  }

  std::size_t id, patient, report, codes, fold;
  std::optional<std::size_t> low, high;
};

// Fills `entry.record` from a row. Throws Error for a cell that cannot be used.
void read_row(const std::vector<std::string>& cells, const Columns& columns, const PtbxlLabeller& labeller,
              Entry& entry, std::map<std::string, std::int64_t>& unknown_codes) {
  StoreRecord& record = entry.record;
  record.id = whole_number(cells[columns.id], "ecg_id");
  record.patient = whole_number(cells[columns.patient], "patient_id");
  record.split = split_of_fold(cells[columns.fold]);
  record.report = std::string(trimmed(cells[columns.report]));
  const std::vector<ScpCode> codes = parse_scp_codes(cells[columns.codes]);
  for (const ScpCode& code : codes)
    if (!labeller.knows(code.code)) ++unknown_codes[code.code];
  record.labels = labeller.labels(codes);
}

void check_patients(const std::vector<Entry>& entries, const fs::path& table) {
  std::unordered_map<std::string, const StoreRecord*> first;
  for (const Entry& entry : entries) {
    if (!entry.rejection.empty()) continue;
    const StoreRecord& record = entry.record;
    const StoreRecord& other = *first.try_emplace(record.patient, &record).first->second;
    if (other.split != record.split)
      fail("{}: patient {} lies in two splits (ecg_id {} in {}, {} in {}); correct the column strat_fold",
           table.string(), record.patient, other.id, other.split, record.id, record.split);
  }
}

Plan read_table(const fs::path& source) {
  const fs::path path = source / kTableFile;
  for (const char* file : {kTableFile, kStatementsFile})
    if (!is_file(source / file)) fail("{} has no {}: name the folder of PTB-XL that holds it", source.string(), file);
  const PtbxlLabeller labeller(source / kStatementsFile);
  CsvReader table(path);
  const Columns columns(table);
  Plan plan;
  plan.label_sets = labeller.label_sets();
  std::unordered_set<std::string> ids;
  std::vector<std::string> cells;
  while (table.next(cells)) {
    Entry entry;
    entry.place = fmt::format("{}:{}", kTableFile, table.line());
    if (columns.low) entry.low = cells[*columns.low];
    if (columns.high) entry.high = cells[*columns.high];
    try {
      read_row(cells, columns, labeller, entry, plan.summary.unknown_codes);
      if (!ids.insert(entry.record.id).second) fail("ecg_id {} appears a second time", entry.record.id);
    } catch (const Error& error) {
      entry.rejection = error.what();
    }
    if (entry.rejection.empty() && is_dropped_duplicate(entry.record))
      plan.summary.dropped_duplicates.push_back(entry.record.id);
    else
      plan.entries.push_back(std::move(entry));
  }
  if (plan.entries.empty()) fail("{} lists no records", path.string());
  check_patients(plan.entries, path);
  return plan;
}

// A file name of the table must lead to a place inside the folder.
bool stays_inside(const fs::path& name) {
  return name.is_relative() && std::find(name.begin(), name.end(), "..") == name.end();
}

std::int64_t count_headers(const std::vector<Entry>& entries, std::string Entry::*name, const fs::path& source) {
  return std::count_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    const std::string& file = entry.*name;
    return entry.rejection.empty() && !file.empty() && stays_inside(file) && is_file(source / (file + ".hea"));
  });
}

void choose_rate(Plan& plan, const fs::path& source, const PrepareOptions& options) {
  const std::int64_t low = count_headers(plan.entries, &Entry::low, source);
  const std::int64_t high = count_headers(plan.entries, &Entry::high, source);
  double rate = high > 0 && high >= low ? kHighRate : kLowRate;
  if (options.rate == kLowRate && low > 0) rate = kLowRate;
  if (options.rate == kHighRate && high > 0) rate = kHighRate;
  plan.summary.source_rate = rate;
  plan.summary.rate = options.rate.value_or(rate);
  for (Entry& entry : plan.entries) {
    entry.record.source = rate == kHighRate ? entry.high : entry.low;
    if (!entry.rejection.empty()) continue;
    if (entry.record.source.empty())
      entry.rejection = fmt::format("the table names no file at {} Hz", rate);
    else if (!stays_inside(entry.record.source))
      entry.rejection = "the file named lies outside the data set's folder";
  }
}

void check_rate(const PrepareOptions& options) {
  if (!options.rate) return;
  const double rate = *options.rate;
  if (!(rate >= kLeastRate && rate <= kGreatestRate) || rate * kSeconds != std::floor(rate * kSeconds))
    fail("the rate {} Hz cannot be made: it must lie between {} and {} Hz and give whole samples in {} s", rate,
         kLeastRate, kGreatestRate, kSeconds);
}

struct Outcome {
  std::vector<std::int16_t> signal;  // [12, samples]; empty: rejected
  bool repaired = false;
  std::string rejection;
};

// "cannot open /data/ptbxl/records100/…" → "cannot open records100/…": rejected.csv is the same wherever the data lie.
std::string without_prefix(std::string text, const std::string& prefix) {
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at))
    text.erase(at, prefix.size());
  return text;
}

Outcome read_record(const Entry& entry, const fs::path& source, double rate) {
  Outcome outcome;
  outcome.rejection = entry.rejection;
  if (!outcome.rejection.empty()) return outcome;
  try {
    SignalMatrix signal = select_leads(read_wfdb(source / (entry.record.source + ".hea")), standard_leads());
    const RepairReport report = repair(signal);
    if (report.rejection) fail("{}", *report.rejection);
    outcome.repaired = report.total_repaired() > 0;
    const auto samples = static_cast<std::size_t>(std::llround(rate * kSeconds));
    outcome.signal = to_microvolts(fit_length(resample(signal, rate), samples));
  } catch (const Error& error) {
    outcome.rejection = without_prefix(error.what(), (source / "").string());
  }
  return outcome;
}

// Calls body(i) for i in 0 .. count-1 on `threads` threads. The first exception is thrown again here.
template <typename Body>
void for_each_index(std::size_t count, std::size_t threads, const Body& body) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) body(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < std::min(threads, count); ++i) workers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

Json describe(const Plan& plan, const PrepareOptions& options) {
  const PrepareSummary& summary = plan.summary;
  Json made_by;
  made_by["data_set"] = "PTB-XL";
  made_by["options"]["rate"] = options.rate ? Json(*options.rate) : Json(nullptr);
  made_by["source_rate"] = summary.source_rate;
  made_by["listed"] = plan.entries.size() + summary.dropped_duplicates.size();
  made_by["dropped_duplicates"]["count"] = summary.dropped_duplicates.size();
  made_by["dropped_duplicates"]["ecg_ids"] = summary.dropped_duplicates;
  made_by["unknown_codes"] = summary.unknown_codes;
  made_by["splits"] = "strat_fold 1-8 train, 9 validation, 10 test";
  return made_by;
}

void write_outcome(const Entry& entry, const Outcome& outcome, StoreWriter& writer, PrepareSummary& summary) {
  if (outcome.rejection.empty()) {
    writer.add(entry.record, outcome.signal);
    ++summary.splits[entry.record.split];
    summary.repaired += outcome.repaired ? 1 : 0;
    return;
  }
  const std::string& file = entry.record.source.empty() ? entry.place : entry.record.source;
  writer.reject(file, outcome.rejection);
  if (summary.first_rejection.empty()) summary.first_rejection = file + ": " + outcome.rejection;
}

void write_records(Plan& plan, const fs::path& source, const PrepareOptions& options, StoreWriter& writer) {
  const std::size_t total = plan.entries.size();
  const std::size_t threads = std::clamp<std::size_t>(
      options.threads > 0 ? options.threads : std::thread::hardware_concurrency(), 1, kMostThreads);
  for (std::size_t begin = 0; begin < total; begin += threads * kRecordsPerThread) {
    std::vector<Outcome> outcomes(std::min(threads * kRecordsPerThread, total - begin));
    for_each_index(outcomes.size(), threads, [&](std::size_t i) {
      outcomes[i] = read_record(plan.entries[begin + i], source, plan.summary.rate);
    });
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      write_outcome(plan.entries[begin + i], outcomes[i], writer, plan.summary);
    if (options.progress)
      options.progress(static_cast<std::int64_t>(begin + outcomes.size()), static_cast<std::int64_t>(total));
  }
}

}  // namespace

PrepareSummary prepare_ptbxl(const fs::path& source, const fs::path& out, const PrepareOptions& options) {
  check_rate(options);
  if (!fs::is_directory(source)) fail("{} is not a folder: name the folder of PTB-XL", source.string());
  Plan plan = read_table(source);
  choose_rate(plan, source, options);
  StoreInfo info;
  info.rate = plan.summary.rate;
  info.leads = standard_leads();
  info.samples = std::llround(plan.summary.rate * kSeconds);
  info.label_sets = plan.label_sets;
  info.made_by = describe(plan, options);
  StoreWriter writer(out, info, options.replace);
  write_records(plan, source, options, writer);
  if (writer.records() == 0)
    fail("{}: all {} records were rejected, the first because of {}", source.string(), writer.rejected(),
         plan.summary.first_rejection);
  plan.summary.records = writer.records();
  plan.summary.rejected = writer.rejected();
  writer.finish();
  return std::move(plan.summary);
}

}  // namespace deri
