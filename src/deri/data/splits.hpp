#pragma once
// Which split a record belongs to.
//   strict      no patient, as far as patients are known, in two splits; made by a rule that is fixed here
//   published   the split of the published benchmark, where a rule reproduces it
//   a folder    the published benchmark's own files: train.csv, val.csv, test.csv, or names that end in these
//               ("icbeb_train.csv"), in the folder or in folders directly within it

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace deri {

struct SplitChoice {
  enum class Kind { kStrict, kPublished, kFiles } kind = Kind::kStrict;
  std::filesystem::path folder = {};  // of kFiles
};

// "strict", "published", or a folder. Throws Error for what is none of them.
SplitChoice parse_split_choice(const std::string& text);
// What parse_split_choice takes.
std::string split_choice_text(const SplitChoice& choice);

// A fixed share of all keys, chosen by hash: the same key lies in the same split on every machine, whatever else the
// data set holds. Shares of validation and test; the rest is for training.
class HashSplit {
 public:
  HashSplit(std::uint64_t seed, double validation, double test) : seed_(seed), validation_(validation), test_(test) {}
  std::string split_of(std::string_view key) const;

 private:
  std::uint64_t seed_;
  double validation_, test_;
};

// The split files of a folder, by a key column.
class SplitFiles {
 public:
  // `columns`: the names the key column may have, the first that a file has is taken. Of a path the last component
  // without suffix is the key. Throws Error when the folder lacks one of the three files, a file has none of the
  // columns, or a key lies in two splits.
  SplitFiles(const std::filesystem::path& folder, std::initializer_list<std::string_view> columns);

  // Throws Rejection for a key that no file lists.
  const std::string& split_of(const std::string& key) const;
  std::size_t size() const { return splits_.size(); }
  // Changes with the files.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  void read(const std::filesystem::path& file, const std::string& split,
            std::initializer_list<std::string_view> columns);

  std::filesystem::path folder_;
  std::unordered_map<std::string, std::string> splits_;
  std::string fingerprint_;
};

}  // namespace deri
