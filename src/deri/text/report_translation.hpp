#pragma once
// The German and Swedish of ECG reports (a third of PTB-XL's are English) into the English that ECG machines print, by
// a table of phrases. No grammar: what the table does not know stays as it is, and is counted.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace deri {

// A word is a run of at least two letters that names no lead and is no Roman number. It is foreign unless the table's
// English list has it; abbreviations, codes and names of drugs that stay as they are count as English.
struct TranslatedReport {
  std::string text;
  std::size_t words = 0;
  std::size_t german = 0;                  // of the words: foreign (German, Swedish, or nothing that is known)
  std::size_t unknown = 0;                 // of these: not in the table, and kept
  std::vector<std::string> unknown_words;  // as they stand in the report, in its order, with repetitions

  bool operator==(const TranslatedReport&) const = default;
};

class ReportTranslator {
 public:
  // Reads the table; costs some milliseconds.
  ReportTranslator();
  ~ReportTranslator();
  ReportTranslator(ReportTranslator&&) noexcept;
  ReportTranslator& operator=(ReportTranslator&&) noexcept;

  // From left to right, the longest phrase of the table that begins at each word. Case does not count, nor how umlauts
  // are written: "ä", "ae", as two characters, as UTF-8 that was read as Latin-1, or lost ("f#r", "f?r"). English
  // reports, also those cut off in a word, come out byte for byte; a phrase's English is in lower case. `text` is valid
  // UTF-8: invalid bytes become U+FFFD. May be called from several threads at once.
  TranslatedReport translate(std::string_view report) const;

  // Lines of the table, and the phrases they stand for (a class counts as one word).
  std::size_t entries() const;
  std::size_t phrases() const;

 private:
  class Table;
  std::unique_ptr<const Table> table_;
};

}  // namespace deri
