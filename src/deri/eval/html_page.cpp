#include "deri/eval/html_page.hpp"

#include <algorithm>
#include <cmath>

#include "deri/base/error.hpp"
#include "deri/eval/svg.hpp"

namespace deri {
namespace {

constexpr const char* kStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #fdfdfc; --ink: #1d2127; --soft: #5d6672; --line: #dfe2e6; --wash: #f3f5f7; --accent: #2c68b5;
  --right: #1b7a3d; --wrong: #c0271d; --missed: #94560a;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #15181c; --ink: #e4e7eb; --soft: #99a3af; --line: #31373f; --wash: #1e2329;
    --accent: #7fb2f0; --right: #6fcf8e; --wrong: #ff8a80; --missed: #e5b25d; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); line-height: 1.6; font-size: 17px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 780px; margin: 0 auto; padding: 3.5rem 1.25rem 4rem; }
header { margin-bottom: 2.5rem; padding-bottom: 1.5rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -.02em; margin: 0; }
header p { margin: .6rem 0 0; color: var(--soft); font-size: 1.1rem; }
h2 { font-size: 1.4rem; line-height: 1.3; letter-spacing: -.01em; margin: 3rem 0 .75rem; }
h3 { font-size: 1.08rem; margin: 2rem 0 .5rem; }
p { margin: 0 0 1rem; overflow-wrap: break-word; }
.marked { display: grid; grid-template-columns: 8rem 1fr; gap: 0 1rem; align-items: baseline; margin: 0 0 .6rem; }
.marked > strong { color: var(--soft); font-weight: 600; font-size: .9rem; }
.marked p { margin: 0; line-height: 1.75; white-space: pre-line; overflow-wrap: anywhere; }
mark { background: none; color: inherit; text-decoration: underline 2px; text-underline-offset: 4px;
  text-decoration-skip-ink: none; }
mark.right { color: var(--right); text-decoration-style: solid; }
mark.wrong { color: var(--wrong); text-decoration-style: wavy; }
mark.missed { color: var(--missed); text-decoration-style: dashed; }
mark.neutral { text-decoration: underline dotted 1px var(--soft); }
@media (max-width: 600px) { .marked { grid-template-columns: 1fr; } }
ul { margin: 0 0 1rem; padding-left: 1.3rem; }
li { margin: .25rem 0; overflow-wrap: break-word; }
aside {
  margin: 1.25rem 0; padding: .8rem 1.1rem; background: var(--wash); border-left: 3px solid var(--accent);
  border-radius: 0 6px 6px 0; font-size: .95rem;
}
pre {
  margin: 0 0 1.25rem; padding: .9rem 1.1rem; background: var(--wash);
  border: 1px solid var(--line); border-radius: 6px; overflow-x: auto;
  font: .84rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
.headlines { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: .9rem; margin: 1.5rem 0; }
.headlines div { padding: 1rem 1.1rem; background: var(--wash); border: 1px solid var(--line); border-radius: 8px; }
.headlines strong { display: block; font-size: 1.9rem; line-height: 1.15; letter-spacing: -.02em; color: var(--accent);
  font-variant-numeric: tabular-nums; }
.headlines span { display: block; margin-top: .3rem; font-weight: 600; font-size: .92rem; line-height: 1.4; }
.headlines small { display: block; margin-top: .15rem; color: var(--soft); font-size: .84rem; line-height: 1.4; }
.wide { overflow-x: auto; margin: 1.5rem 0; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; color: var(--soft); font-size: .9rem; padding-bottom: .6rem; }
th, td { padding: .42rem .7rem; text-align: right; vertical-align: baseline; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: .2rem; }
th:last-child, td:last-child { padding-right: .2rem; }
th { font-weight: 600; vertical-align: bottom; border-bottom: 2px solid var(--line); }
.text { text-align: left; }
td:not(.text) { white-space: nowrap; }
td strong { font-weight: 700; }
.stacked td small { display: block; }
.stacked th, .stacked td { padding-left: .45rem; padding-right: .45rem; }
td small { color: var(--soft); font-size: .84em; white-space: nowrap; }
tr.summary td { font-weight: 650; background: var(--wash); }
tr.summary small { font-weight: 400; }
figure { margin: 1.75rem 0; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 4px; }
/* Wider than the text, as far as the screen allows. */
.several { width: min(1100px, 100vw - 2.5rem); margin-left: 50%; transform: translateX(-50%); }
.several div { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 1.5rem; }
.several figcaption { max-width: 740px; margin-left: auto; margin-right: auto; }
details { margin: .8rem 0; }
details[open] { margin-bottom: 1.75rem; border-bottom: 3px solid var(--line); }
summary { cursor: pointer; font-weight: 600; font-size: .95rem; line-height: 1.4; color: var(--accent);
  padding: .5rem .9rem; background: var(--wash); border: 1px solid var(--line); border-radius: 6px; }
details[open] > summary { margin-bottom: 1.25rem; }
figcaption { margin-top: .6rem; color: var(--soft); font-size: .9rem; line-height: 1.5; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .85rem; }
@media print {
  main { max-width: none; padding: 0; }
  figure, tr, aside, .headlines, .marked { break-inside: avoid; }
  mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .several { width: auto; margin-left: 0; transform: none; break-inside: auto; }
  .several div { grid-template-columns: 1fr 1fr; }
  .several svg { break-inside: avoid; }
  details, details[open] { border: none; }
  summary { list-style: none; background: none; border: none; padding: 0; color: inherit; break-after: avoid; }
  details::details-content { display: block; content-visibility: visible; }
}
)css";

std::string element(std::string_view name, std::string_view text) {
  return fmt::format("<{0}>{1}</{0}>\n", name, escape_markup(text));
}

std::string small(const std::string& detail) {
  return detail.empty() ? "" : fmt::format("<small>{}</small>", escape_markup(detail));
}

std::string cell_element(const Cell& cell, bool is_text) {
  const std::string text = escape_markup(cell.text);
  return fmt::format("<td{}>{}{}{}</td>", is_text ? " class=\"text\"" : "",
                     cell.strong ? fmt::format("<strong>{}</strong>", text) : text, cell.detail.empty() ? "" : " ",
                     small(cell.detail));
}

const char* mark_class(TextMark mark) {
  switch (mark) {
    case TextMark::kRight:
      return "right";
    case TextMark::kMissed:
      return "missed";
    case TextMark::kWrong:
      return "wrong";
    default:
      return "neutral";
  }
}

}  // namespace

Cell estimate_cell(const Estimate& estimate, int decimals) {
  if (std::isnan(estimate.value)) return {"n/a"};
  const std::string value = format_number(estimate.value, decimals);
  if (std::isnan(estimate.low) || std::isnan(estimate.high)) return {value};
  return {value,
          fmt::format("[{}, {}]", format_number(estimate.low, decimals), format_number(estimate.high, decimals))};
}

HtmlPage::HtmlPage(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlPage::section(std::string_view heading) {
  body_ += element("h2", heading);
}

void HtmlPage::subsection(std::string_view heading) {
  body_ += element("h3", heading);
}

void HtmlPage::paragraph(std::string_view text) {
  body_ += element("p", text);
}

void HtmlPage::marked_paragraph(std::string_view label, std::string_view text, const std::vector<MarkedSpan>& spans) {
  std::string html;
  std::size_t at = 0;
  for (const MarkedSpan& span : spans) {
    DERI_CHECK(at <= span.begin && span.begin <= span.end && span.end <= text.size());
    html += escape_markup(text.substr(at, span.begin - at));
    const std::string title = span.title.empty() ? "" : fmt::format(" title=\"{}\"", escape_markup(span.title));
    html += fmt::format("<mark class=\"{}\"{}>{}</mark>", mark_class(span.mark), title,
                        escape_markup(text.substr(span.begin, span.end - span.begin)));
    at = span.end;
  }
  body_ += fmt::format("<div class=\"marked\"><strong>{}</strong><p>{}{}</p></div>\n", escape_markup(label), html,
                       escape_markup(text.substr(at)));
}

void HtmlPage::note(std::string_view text) {
  body_ += element("aside", text);
}

void HtmlPage::code(std::string_view text) {
  body_ += element("pre", text);
}

void HtmlPage::list(const std::vector<std::string>& items) {
  body_ += "<ul>\n";
  for (const std::string& item : items) body_ += element("li", item);
  body_ += "</ul>\n";
}

void HtmlPage::headlines(const std::vector<Headline>& items) {
  body_ += "<div class=\"headlines\">\n";
  for (const Headline& item : items) {
    body_ += fmt::format("<div><strong>{}</strong><span>{}</span>{}</div>\n", escape_markup(item.value),
                         escape_markup(item.label), small(item.detail));
  }
  body_ += "</div>\n";
}

void HtmlPage::table(const Table& table) {
  std::string html =
      table.stacked ? "<div class=\"wide\"><table class=\"stacked\">\n" : "<div class=\"wide\"><table>\n";
  if (!table.caption.empty()) html += element("caption", table.caption);
  html += "<thead><tr>";
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", c < table.text_columns ? " class=\"text\"" : "",
                        escape_markup(table.header[c]));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const std::vector<Cell>& row = table.rows[r];
    if (row.size() != table.header.size()) {
      fail("table \"{}\": row {} has {} cells, the header {}", table.caption, r + 1, row.size(), table.header.size());
    }
    const bool summary = std::find(table.summary_rows.begin(), table.summary_rows.end(), r) != table.summary_rows.end();
    html += summary ? "<tr class=\"summary\">" : "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) html += cell_element(row[c], c < table.text_columns);
    html += "</tr>\n";
  }
  body_ += html + "</tbody></table></div>\n";
}

void HtmlPage::figure(std::string_view svg, std::string_view caption) {
  body_ += fmt::format("<figure>\n{}", svg);
  if (!caption.empty()) body_ += element("figcaption", caption);
  body_ += "</figure>\n";
}

void HtmlPage::figures(const std::vector<std::string>& svgs, std::string_view caption) {
  body_ += "<figure class=\"several\">\n<div>\n";
  for (const std::string& svg : svgs) body_ += svg;
  body_ += "</div>\n";
  if (!caption.empty()) body_ += element("figcaption", caption);
  body_ += "</figure>\n";
}

void HtmlPage::begin_details(std::string_view summary) {
  body_ += "<details>\n" + element("summary", summary);
  ++open_details_;
}

void HtmlPage::end_details() {
  DERI_CHECK(open_details_ > 0);
  body_ += "</details>\n";
  --open_details_;
}

void HtmlPage::footer(std::string_view text) {
  footer_ += element("p", text);
}

std::string HtmlPage::str() const {
  DERI_CHECK(open_details_ == 0);
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n";
  html += element("title", title_);
  html += fmt::format("<style>{}</style>\n</head>\n<body>\n<main>\n<header>\n", kStyle);
  html += element("h1", title_);
  if (!subtitle_.empty()) html += element("p", subtitle_);
  html += "</header>\n" + body_;
  if (!footer_.empty()) html += "<footer>\n" + footer_ + "</footer>\n";
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace deri
