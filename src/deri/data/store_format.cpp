#include "deri/data/store_format.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include <fmt/ranges.h>
#include <xxhash.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {

std::uint64_t signal_hash(std::span<const std::int16_t> signal) {
  return XXH3_64bits(signal.data(), signal.size_bytes());
}

namespace store_format {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kChecksumPrefix = "xxh3:";

bool is_split(std::string_view name) {
  return name == kTrain || name == kValidation || name == kTest;
}

bool has_twins(std::vector<std::string> items) {
  std::sort(items.begin(), items.end());
  return std::adjacent_find(items.begin(), items.end()) != items.end();
}

// A name that fits between the blanks and the colon of a label cell: printable ASCII.
void check_name(const std::string& name, std::string_view forbidden, const std::string& place) {
  const bool bad = name.empty() || std::any_of(name.begin(), name.end(), [&](unsigned char c) {
                     return c <= ' ' || c > '~' || forbidden.find(static_cast<char>(c)) != std::string_view::npos;
                   });
  if (bad) fail("{}: '{}' cannot name a label set or a label", place, shown(name));
}

}  // namespace

std::uint64_t chain_checksum(std::uint64_t checksum, std::uint64_t signal_hash) {
  const std::uint64_t link[2] = {checksum, signal_hash};
  return XXH3_64bits(link, sizeof link);
}

std::string checksum_text(std::uint64_t checksum) {
  return fmt::format("{}{:016x}", kChecksumPrefix, checksum);
}

std::uint64_t parse_checksum(std::string_view text, const std::string& name) {
  std::uint64_t value = 0;
  const bool known = text.starts_with(kChecksumPrefix) && text.size() == kChecksumPrefix.size() + 16;
  const auto result = known
                          ? std::from_chars(text.data() + kChecksumPrefix.size(), text.data() + text.size(), value, 16)
                          : std::from_chars_result{text.data(), std::errc::invalid_argument};
  if (result.ec != std::errc() || result.ptr != text.data() + text.size())
    fail("{}: the checksum '{}' cannot be read; prepare the store again", name, shown(text));
  return value;
}

bool contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

std::string joined_keys(const LabelSets& sets) {
  std::vector<std::string> names;
  for (const auto& [name, labels] : sets) names.push_back(name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

void check_info(const StoreInfo& info, const std::string& place) {
  if (!std::isfinite(info.rate) || info.rate <= 0) fail("{}: the rate is {} Hz", place, info.rate);
  if (info.leads.empty() || has_twins(info.leads))
    fail("{}: the leads must be named, each once; found [{}]", place, fmt::join(info.leads, ", "));
  if (info.samples <= 0) fail("{}: {} samples per lead", place, info.samples);
  for (const auto& [set, labels] : info.label_sets) {
    check_name(set, ":", place);
    for (const std::string& label : labels) check_name(label, "", place);
    if (has_twins(labels)) fail("{}: the label set '{}' names a label twice", place, set);
  }
}

void check_record(const StoreRecord& record, const StoreInfo& info, const std::string& place) {
  if (record.id.empty()) fail("{}: a record has no id", place);
  if (!is_split(record.split))
    fail("{}: record {} is in the split '{}'; there are {}, {} and {}", place, shown(record.id), shown(record.split),
         kTrain, kValidation, kTest);
  for (const auto& [set, positives] : record.labels) {
    const auto known = info.label_sets.find(set);
    if (known == info.label_sets.end())
      fail("{}: record {} has labels of the set '{}'; the store's sets: {}", place, shown(record.id), shown(set),
           joined_keys(info.label_sets));
    for (const std::string& label : positives)
      if (!contains(known->second, label))
        fail("{}: record {} has the label '{}', which the set '{}' does not have", place, shown(record.id),
             shown(label), set);
    if (positives.size() > 1 && has_twins(positives))
      fail("{}: record {} has a label of '{}' twice", place, shown(record.id), set);
  }
}

std::string labels_to_cell(const LabelSets& labels) {
  std::vector<std::string> items;
  for (const auto& [set, positives] : labels) {
    if (positives.empty()) items.push_back(set + ":");
    for (const std::string& label : positives) items.push_back(fmt::format("{}:{}", set, label));
  }
  return fmt::format("{}", fmt::join(items, " "));
}

LabelSets labels_from_cell(std::string_view cell, const std::string& place) {
  LabelSets labels;
  while (!cell.empty()) {
    const std::string_view item = cell.substr(0, cell.find(' '));
    cell.remove_prefix(std::min(cell.size(), item.size() + 1));
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos) fail("{}: cannot read the labels at '{}'", place, shown(item));
    std::vector<std::string>& positives = labels[std::string(item.substr(0, colon))];
    if (colon + 1 < item.size()) positives.emplace_back(item.substr(colon + 1));
  }
  return labels;
}

std::string records_header() {
  return csv_row({"id", "patient", "split", "report", "labels", "source"});
}

std::string record_row(const StoreRecord& record) {
  return csv_row(
      {record.id, record.patient, record.split, record.report, labels_to_cell(record.labels), record.source});
}

void for_each_record(const fs::path& path, const StoreInfo& info, const std::function<void(StoreRecord&&)>& visit) {
  CsvReader table(path, {"id", "patient", "split", "report", "labels", "source"});
  const std::size_t id = table.column("id"), patient = table.column("patient"), split = table.column("split"),
                    report = table.column("report"), labels = table.column("labels"), source = table.column("source");
  std::unordered_set<std::string> ids;
  std::vector<std::string> cells;
  while (table.next(cells)) {
    const std::string place = fmt::format("{}:{}", path.string(), table.line());
    StoreRecord record{
        cells[id], cells[patient], cells[split], cells[report], labels_from_cell(cells[labels], place), cells[source]};
    check_record(record, info, place);
    if (!ids.insert(record.id).second) fail("{}: the id {} appears twice", place, shown(record.id));
    visit(std::move(record));
  }
}

template <typename T>
T read_key(const Json& tree, const char* key, const std::string& name, std::string_view advice) {
  try {
    const Json& value = tree.at(key);
    if (std::is_integral_v<T> && !value.is_number_integer())
      fail("{}: '{}' is not a whole number; {}", name, key, advice);
    return value.get<T>();
  } catch (const Json::exception&) {
    fail("{}: '{}' is missing or of another type; {}", name, key, advice);
  }
}

template double read_key(const Json&, const char*, const std::string&, std::string_view);
template std::int64_t read_key(const Json&, const char*, const std::string&, std::string_view);
template std::uint64_t read_key(const Json&, const char*, const std::string&, std::string_view);
template std::string read_key(const Json&, const char*, const std::string&, std::string_view);
template std::vector<std::string> read_key(const Json&, const char*, const std::string&, std::string_view);
template LabelSets read_key(const Json&, const char*, const std::string&, std::string_view);
template Json read_key(const Json&, const char*, const std::string&, std::string_view);

}  // namespace store_format
}  // namespace deri
