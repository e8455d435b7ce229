#include "deri/text/report_language.hpp"

#include "deri/base/error.hpp"
#include "deri/base/strings.hpp"

namespace deri {
namespace {

// `first` and `second` as two sentences.
std::string joined(std::string_view first, const std::string& second) {
  first = trimmed(first);
  return fmt::format("{}{}{}", first, first.ends_with('.') ? " " : ". ", second);
}

}  // namespace

ReportLanguage parse_report_language(std::string_view word) {
  for (const ReportLanguage language : {ReportLanguage::kOriginal, ReportLanguage::kEnglish, ReportLanguage::kMixed})
    if (word == report_language_name(language)) return language;
  fail("reports cannot be had in {}: name original, en or mixed", shown(word));
}

const char* report_language_name(ReportLanguage language) {
  switch (language) {
    case ReportLanguage::kOriginal:
      return "original";
    case ReportLanguage::kEnglish:
      return "en";
    case ReportLanguage::kMixed:
      return "mixed";
  }
  DERI_CHECK(false);
}

ReportRenderer::ReportRenderer(ReportLanguage language) : language_(language) {
  if (language != ReportLanguage::kOriginal) translator_.emplace();
}

TranslatedReport ReportRenderer::render(const std::string& report) const {
  if (!translator_) return {report, 0, 0, 0, {}};
  TranslatedReport rendered = translator_->translate(report);
  if (language_ == ReportLanguage::kMixed)
    rendered.text = rendered.german > rendered.unknown ? joined(report, rendered.text) : report;
  return rendered;
}

}  // namespace deri
