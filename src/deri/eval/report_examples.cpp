#include "deri/eval/report_examples.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "deri/base/random.hpp"
#include "deri/eval/svg.hpp"
#include "deri/text/unicode.hpp"

namespace deri {
namespace {

bool is_positive(FindingStatus status) {
  return status >= FindingStatus::kUncertain;
}

ReportFindings findings_of(const std::vector<FindingMention>& mentions) {
  ReportFindings findings;
  for (const FindingMention& mention : mentions) findings.note(mention.finding, mention.status);
  return findings;
}

// ---- marks ----

TextMark generated_mark(const FindingMention& mention, const ReportFindings& truth) {
  const bool said = is_positive(mention.status), true_one = is_positive(truth.status(mention.finding));
  if (said != true_one) return TextMark::kWrong;
  return said ? TextMark::kRight : TextMark::kNeutral;
}

TextMark truth_mark(const FindingMention& mention, const ReportFindings& generated) {
  if (!is_positive(mention.status)) return TextMark::kNeutral;
  return is_positive(generated.status(mention.finding)) ? TextMark::kRight : TextMark::kMissed;
}

std::string mention_title(const FindingMention& mention, TextMark mark) {
  constexpr std::array<const char*, 4> kWords = {"", ": right", ": missed", ": wrong"};
  return fmt::format("{}, {}{}", info(mention.finding).name, finding_status_name(mention.status),
                     kWords[static_cast<std::size_t>(mark)]);
}

// Marks the mentions in a report against the findings of the other one.
template <typename MarkOf>
std::vector<MarkedSpan> marked_spans(std::vector<FindingMention> mentions, const ReportFindings& other,
                                     MarkOf mark_of) {
  std::ranges::stable_sort(mentions, {}, &FindingMention::begin);
  std::vector<MarkedSpan> spans;
  std::vector<std::string> titles;  // of the last span
  for (const FindingMention& mention : mentions) {
    const TextMark mark = mark_of(mention, other);
    const std::string title = mention_title(mention, mark);
    if (spans.empty() || mention.begin >= spans.back().end) {
      spans.push_back({mention.begin, mention.end, mark, title});
      titles = {title};
      continue;
    }
    MarkedSpan& last = spans.back();
    last.end = std::max(last.end, mention.end);
    last.mark = std::max(last.mark, mark);
    if (std::ranges::find(titles, title) != titles.end()) continue;
    titles.push_back(title);
    last.title = fmt::format("{}; {}", last.title, title);
  }
  return spans;
}

// ---- examples ----

const std::string& english_or(const std::string& english, const std::string& text) {
  return english.empty() ? text : english;
}

FindingComparison compare(const ReportExample& example, const FindingExtractor& extractor) {
  return compare_findings(extractor, english_or(example.english_truth, example.truth),
                          english_or(example.english_generated, example.generated));
}

// Marked in English; a report in another language stands above it as it was written.
void add_report(HtmlPage& page, const std::string& label, const std::string& text, const std::string& english,
                const std::vector<MarkedSpan>& spans) {
  const std::string& marked = english_or(english, text);
  if (marked.empty()) {
    page.marked_paragraph(label, "(no text)", {});
  } else if (marked == text) {
    page.marked_paragraph(label, text, spans);
  } else {
    page.marked_paragraph(label, text, {});
    page.marked_paragraph("in English", marked, spans);
  }
}

std::string example_summary(const ReportExample& example, const FindingComparison& comparison) {
  std::string text = comparison_summary(comparison);
  if (example.tokens > 0) text += fmt::format("; {} token{}", example.tokens, example.tokens == 1 ? "" : "s");
  if (!std::isnan(example.log_probability))
    text += fmt::format("; mean log probability {} per token", format_number(example.log_probability, 2));
  return text;
}

// ---- Markdown ----

// Text that shows as itself, in one line and inside a table too.
std::string markdown_text(std::string_view text) {
  std::string escaped;
  for (const char character : encode_utf8(decode_utf8(text))) {
    const bool control = static_cast<unsigned char>(character) < 0x20 || character == 0x7f;
    if (std::string_view("\\`*_[]<>#|~&$").find(character) != std::string_view::npos) escaped += '\\';
    escaped += control ? ' ' : character;
  }
  return escaped;
}

std::string report_cell(const std::string& text, const std::string& english) {
  if (english_or(english, text).empty()) return "(no text)";
  if (english.empty() || english == text) return markdown_text(text);
  return fmt::format("{}<br>(in English: {})", markdown_text(text), markdown_text(english));
}

// With blanks, where a narrow column may break them.
std::string readable_name(ReportFinding finding) {
  std::string name(info(finding).name);
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::vector<std::string> names_of(const std::vector<ReportFinding>& findings) {
  std::vector<std::string> names;
  for (const ReportFinding finding : findings) names.push_back(readable_name(finding));
  return names;
}

std::string names_cell(const std::vector<std::string>& names) {
  return names.empty() ? "—" : fmt::format("{}", fmt::join(names, ", "));
}

std::string markdown_row(const ReportExample& example, const FindingExtractor& extractor) {
  const FindingComparison comparison = compare(example, extractor);
  std::vector<std::string> wrong = names_of(comparison.invented);
  for (const std::string& name : names_of(comparison.denied)) wrong.push_back(fmt::format("no {}", name));
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", markdown_text(example.record),
                     report_cell(example.truth, example.english_truth),
                     report_cell(example.generated, example.english_generated), names_cell(names_of(comparison.right)),
                     names_cell(wrong), names_cell(names_of(comparison.missed)));
}

}  // namespace

FindingComparison compare_findings(const FindingExtractor& extractor, std::string_view truth,
                                   std::string_view generated) {
  const std::vector<FindingMention> truth_mentions = extractor.mentions(truth);
  const std::vector<FindingMention> generated_mentions = extractor.mentions(generated);
  const ReportFindings in_truth = findings_of(truth_mentions), in_generated = findings_of(generated_mentions);

  FindingComparison comparison;
  for (const ReportFinding finding : in_truth.positive()) {
    const FindingStatus status = in_generated.status(finding);
    (is_positive(status) ? comparison.right : comparison.missed).push_back(finding);
    if (status == FindingStatus::kAbsent) comparison.denied.push_back(finding);
  }
  for (const ReportFinding finding : in_generated.positive())
    if (!is_positive(in_truth.status(finding))) comparison.invented.push_back(finding);
  comparison.truth_spans = marked_spans(truth_mentions, in_generated, truth_mark);
  comparison.generated_spans = marked_spans(generated_mentions, in_truth, generated_mark);
  return comparison;
}

std::string comparison_summary(const FindingComparison& comparison) {
  const std::size_t wrong = comparison.invented.size() + comparison.denied.size();
  const std::size_t in_truth = comparison.right.size() + comparison.missed.size();
  if (in_truth == 0) return fmt::format("no true findings, {} wrong", wrong);
  return fmt::format("{} of {} true findings, {} wrong", comparison.right.size(), in_truth, wrong);
}

void add_report_example_legend(HtmlPage& page) {
  const std::array<std::pair<TextMark, std::string_view>, 4> kinds = {
      {{TextMark::kRight, "in both reports"},
       {TextMark::kWrong, "wrong: only in the generated report, or denied though true"},
       {TextMark::kMissed, "missed: only in the true report"},
       {TextMark::kNeutral, "said to be absent"}}};
  std::string text;
  std::vector<MarkedSpan> spans;
  for (const auto& [mark, meaning] : kinds) {
    if (!text.empty()) text += "\n";
    spans.push_back({text.size(), text.size() + meaning.size(), mark, ""});
    text += meaning;
  }
  page.marked_paragraph("Findings", text, spans);
}

void add_report_example(HtmlPage& page, const ReportExample& example, const FindingExtractor& extractor) {
  const FindingComparison comparison = compare(example, extractor);
  page.subsection(fmt::format("Record {}", example.record));
  if (!example.ecg_svg.empty()) page.figure(example.ecg_svg, "");
  add_report(page, "True report", example.truth, example.english_truth, comparison.truth_spans);
  add_report(page, "Generated", example.generated, example.english_generated, comparison.generated_spans);
  page.marked_paragraph("Result", example_summary(example, comparison), {});
}

std::string report_examples_markdown(const std::vector<ReportExample>& examples, const FindingExtractor& extractor) {
  std::string text =
      "| Record | True report | Generated report | Right | Wrong | Missed |\n"
      "|---|---|---|---|---|---|\n";
  for (const ReportExample& example : examples) text += markdown_row(example, extractor);
  return text;
}

std::vector<std::size_t> random_examples(std::size_t records, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(records);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t drawn = std::min(records, count);
  Rng rng(mix_seed(seed, {fnv1a("report examples")}));
  for (std::size_t i = 0; i < drawn; ++i) std::swap(order[i], order[i + rng.below(records - i)]);
  order.resize(drawn);
  return order;
}

}  // namespace deri
