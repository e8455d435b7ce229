#pragma once
// What reading and writing a store share: the names of its files, its cells, its checksum, and what is checked. For
// the store's own sources; everyone else uses store.hpp.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"

namespace deri::store_format {

inline constexpr const char* kSignalsFile = "signals.npy";
inline constexpr const char* kRecordsFile = "records.csv";
inline constexpr const char* kRejectedFile = "rejected.csv";
inline constexpr const char* kInfoFile = "store.json";
inline constexpr const char* kJournalFile = "journal.json";  // of a store that is not finished

using LabelSets = std::map<std::string, std::vector<std::string>>;

// The checksum of a store: from 0, each record's signal_hash() chained to what came before. Signals can so be hashed
// apart, in any order, and a writer can go on where another stopped.
std::uint64_t chain_checksum(std::uint64_t checksum, std::uint64_t signal_hash);
// "xxh3:0123456789abcdef"
std::string checksum_text(std::uint64_t checksum);
// Throws Error, naming `name`, for another text.
std::uint64_t parse_checksum(std::string_view text, const std::string& name);

bool contains(const std::vector<std::string>& items, const std::string& item);
// "form, rhythm, super", or "none".
std::string joined_keys(const LabelSets& sets);

// Throw Error beginning with `place` for what no store can hold.
void check_info(const StoreInfo& info, const std::string& place);
void check_record(const StoreRecord& record, const StoreInfo& info, const std::string& place);

std::string labels_to_cell(const LabelSets& labels);
// Throws Error beginning with `place`.
LabelSets labels_from_cell(std::string_view cell, const std::string& place);

// The header row of records.csv, and a record's row.
std::string records_header();
std::string record_row(const StoreRecord& record);
// Calls `visit` for every record of a records.csv, checked. Throws Error, naming the line.
void for_each_record(const std::filesystem::path& path, const StoreInfo& info,
                     const std::function<void(StoreRecord&&)>& visit);

// A value of a JSON file, of the type asked for; `advice` says what to do without it.
template <typename T>
T read_key(const Json& tree, const char* key, const std::string& name, std::string_view advice);

extern template double read_key(const Json&, const char*, const std::string&, std::string_view);
extern template std::int64_t read_key(const Json&, const char*, const std::string&, std::string_view);
extern template std::uint64_t read_key(const Json&, const char*, const std::string&, std::string_view);
extern template std::string read_key(const Json&, const char*, const std::string&, std::string_view);
extern template std::vector<std::string> read_key(const Json&, const char*, const std::string&, std::string_view);
extern template LabelSets read_key(const Json&, const char*, const std::string&, std::string_view);
extern template Json read_key(const Json&, const char*, const std::string&, std::string_view);

}  // namespace deri::store_format
