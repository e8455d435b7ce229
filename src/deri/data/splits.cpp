#include "deri/data/splits.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/ranges.h>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/base/random.hpp"
#include "deri/base/strings.hpp"
#include "deri/data/prepare.hpp"
#include "deri/data/store.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// A file name's split, or null: "val.csv", "icbeb_val.csv".
const char* split_of_file(const std::string& name) {
  constexpr std::pair<std::string_view, const char*> kEndings[] = {
      {"train.csv", kTrain}, {"val.csv", kValidation}, {"validation.csv", kValidation}, {"test.csv", kTest}};
  for (const auto& [ending, split] : kEndings) {
    const bool whole = name == ending;
    const bool ends = name.size() > ending.size() && name.ends_with(ending) &&
                      std::string_view("_-.").find(name[name.size() - ending.size() - 1]) != std::string_view::npos;
    if (whole || ends) return split;
  }
  return nullptr;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) paths.push_back(entry->path());
  if (error) fail("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The split files of a folder and of the folders directly within it.
std::vector<std::pair<fs::path, std::string>> find_files(const fs::path& folder) {
  std::vector<std::pair<fs::path, std::string>> files;
  const auto add = [&](const fs::path& path) {
    if (const char* split = split_of_file(path.filename().string()); split != nullptr && is_file(path))
      files.emplace_back(path, split);
  };
  for (const fs::path& path : entries_of(folder)) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored))
      for (const fs::path& inner : entries_of(path)) add(inner);
    else
      add(path);
  }
  return files;
}

// "/chapman/WFDBRecords/01/010/JS00001.mat" → "JS00001"; "15709.0", as pandas writes it, → "15709".
std::string key_of(std::string_view cell) {
  const std::size_t slash = cell.rfind('/');
  std::string key(slash == std::string_view::npos ? cell : cell.substr(slash + 1));
  const std::size_t point = key.rfind('.');
  if (point != std::string::npos) key.resize(point);
  return key;
}

}  // namespace

SplitChoice parse_split_choice(const std::string& text) {
  if (text == "strict") return {};
  if (text == "published") return {SplitChoice::Kind::kPublished, {}};
  std::error_code ignored;
  if (!fs::is_directory(text, ignored))
    fail("'{}' is no split: choose strict, published, or a folder with train.csv, val.csv and test.csv", shown(text));
  return {SplitChoice::Kind::kFiles, text};
}

std::string split_choice_text(const SplitChoice& choice) {
  switch (choice.kind) {
    case SplitChoice::Kind::kStrict:
      return "strict";
    case SplitChoice::Kind::kPublished:
      return "published";
    case SplitChoice::Kind::kFiles:
      break;
  }
  return choice.folder.string();
}

std::string HashSplit::split_of(std::string_view key) const {
  const double u = Rng(mix_seed(seed_, {fnv1a(key)})).uniform();
  if (u < test_) return kTest;
  return u < test_ + validation_ ? kValidation : kTrain;
}

SplitFiles::SplitFiles(const fs::path& folder, std::initializer_list<std::string_view> columns) : folder_(folder) {
  const auto files = find_files(folder);
  for (const char* split : {kTrain, kValidation, kTest})
    if (std::none_of(files.begin(), files.end(), [&](const auto& file) { return file.second == split; }))
      fail("{} has no file of the {} split: expected train.csv, val.csv and test.csv, or names that end in these",
           folder.string(), split);
  for (const auto& [path, split] : files) read(path, split, columns);
}

void SplitFiles::read(const fs::path& file, const std::string& split, std::initializer_list<std::string_view> columns) {
  CsvReader table(file);
  const auto column =
      std::find_if(columns.begin(), columns.end(), [&](std::string_view name) { return table.has_column(name); });
  if (column == columns.end())
    fail("{}: none of the columns {}; it has {}", file.string(), fmt::join(columns, ", "),
         fmt::join(table.header(), ", "));
  const std::size_t key = table.column(*column);
  std::string keys = split;
  std::vector<std::string> cells;
  while (table.next(cells)) {
    const auto [entry, fresh] = splits_.try_emplace(key_of(cells[key]), split);
    if (!fresh && entry->second != split)
      fail("{}:{}: {} is in the {} split of another file", file.string(), table.line(), shown(cells[key]),
           entry->second);
    keys += '\n' + entry->first;
  }
  fingerprint_ += text_fingerprint(keys);
}

const std::string& SplitFiles::split_of(const std::string& key) const {
  const auto found = splits_.find(key);
  if (found == splits_.end()) throw Rejection("not in the split files", "the split files do not list it");
  return found->second;
}

}  // namespace deri
