#include "deri/data/report_corpus.hpp"

#include <unordered_set>
#include <utility>

#include "deri/base/csv.hpp"
#include "deri/base/error.hpp"
#include "deri/data/prepare.hpp"
#include "deri/data/ptbxl.hpp"
#include "deri/data/store.hpp"
#include "deri/text/report.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

// Where a table says which split a row belongs to.
class SplitColumn {
 public:
  explicit SplitColumn(const CsvReader& table, const fs::path& path) {
    by_name_ = table.has_column("split");
    if (!by_name_ && !table.has_column("strat_fold"))
      fail(
          "{}: neither a column 'split' (train, validation, test) nor 'strat_fold' (1-8, 9, 10): without it test "
          "records' reports cannot be left out; add one",
          path.string());
    column_ = table.column(by_name_ ? "split" : "strat_fold");
  }

  // A split's name, or "" for a cell that names none.
  std::string of(const std::vector<std::string>& cells) const {
    const std::string& cell = cells[column_];
    if (by_name_) return cell == kTrain || cell == kValidation || cell == kTest ? cell : std::string();
    try {
      return split_of_fold(cell);
    } catch (const Error&) {
      return {};
    }
  }

 private:
  bool by_name_;
  std::size_t column_;
};

}  // namespace

ReportCorpus read_report_corpus(const fs::path& source, ReportLanguage language) {
  const fs::path path = fs::is_directory(source) ? source / "records.csv" : source;
  CsvReader table(path, {"report"});
  const SplitColumn split_of(table, path);
  const std::size_t report = table.column("report");
  const ReportRenderer renderer(language);
  ReportCorpus corpus;
  std::unordered_set<std::string> training, validation;
  std::vector<std::string> held_back;  // validation texts, until all training texts are known
  for (std::vector<std::string> cells; table.next(cells);) {
    ++corpus.rows;
    const std::string split = split_of.of(cells);
    if (split == kTest) {
      ++corpus.held_out;
      continue;
    }
    std::string text = clean_report(renderer.render(cells[report]).text);
    if (split.empty() || count_words(text) == 0) {
      ++corpus.unusable;
    } else if (split == kTrain) {
      if (training.insert(text).second) corpus.training.push_back(std::move(text));
    } else if (validation.insert(text).second) {
      held_back.push_back(std::move(text));
    }
  }
  for (std::string& text : held_back)
    if (!training.contains(text)) corpus.validation.push_back(std::move(text));
  if (corpus.training.empty()) fail("{}: no training record has a report", path.string());
  std::string all;
  for (const auto* texts : {&corpus.training, &corpus.validation})
    for (const std::string& text : *texts) all += text + '\n';
  corpus.checksum = text_fingerprint(all);
  return corpus;
}

}  // namespace deri
