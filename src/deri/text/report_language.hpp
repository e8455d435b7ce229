#pragma once
// The language in which reports are to be learnt from: as they stand, in English, or both.

#include <optional>
#include <string>
#include <string_view>

#include "deri/text/report_translation.hpp"

namespace deri {

enum class ReportLanguage {
  kOriginal,  // as they stand
  kEnglish,   // translated by ReportTranslator; what it does not know stays as it is
  kMixed      // a report with a foreign word is followed by its translation: both name the same ECG
};

// "original", "en", "mixed". Throws Error for another word.
ReportLanguage parse_report_language(std::string_view word);
const char* report_language_name(ReportLanguage language);

// Reports in one language. May be used from several threads at once.
class ReportRenderer {
 public:
  explicit ReportRenderer(ReportLanguage language);

  ReportLanguage language() const { return language_; }
  // Whether the translator's table decides what render() gives.
  bool translates() const { return translator_.has_value(); }
  // The report in the language, and what the translator counted (nothing for kOriginal).
  TranslatedReport render(const std::string& report) const;

 private:
  ReportLanguage language_;
  std::optional<ReportTranslator> translator_;
};

}  // namespace deri
