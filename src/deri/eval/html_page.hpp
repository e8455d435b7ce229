#pragma once
// A report as one HTML file that needs nothing else: style inline, figures as SVG, no scripts, readable on light and
// dark screens, on a telephone and on paper. All text is escaped; only figures, which are markup, are taken as they
// are.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "deri/eval/bootstrap.hpp"

namespace deri {

// A table's cell. The detail stands behind the text, smaller and paler: an interval, a unit.
struct Cell {
  Cell(std::string cell_text, std::string cell_detail = "")
      : text(std::move(cell_text)), detail(std::move(cell_detail)) {}
  Cell(const char* cell_text) : text(cell_text) {}

  std::string text, detail;
  bool strong = false;  // the text in bold: the best of a column
};

// "0.812" with the detail "[0.790, 0.833]"; "n/a" where the value is NaN, no detail where the interval is.
Cell estimate_cell(const Estimate& estimate, int decimals = 3);

struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;  // each as long as the header
  std::string caption;
  std::size_t text_columns = 1;           // the first ones, aligned left; the rest are figures, aligned right
  std::vector<std::size_t> summary_rows;  // rows to stand out, such as the mean over labels
  bool stacked = false;                   // details stand below their texts: narrower columns
};

// A result to see at first sight.
struct Headline {
  std::string value;   // "0.812"
  std::string label;   // "macro AUROC, 5 super-classes"
  std::string detail;  // "95 % interval 0.790-0.833; untrained 0.531"
};

// How a part of a text stands out, by colour and by the line below it. By rising weight.
enum class TextMark { kNeutral, kRight, kMissed, kWrong };

struct MarkedSpan {
  std::size_t begin = 0, end = 0;  // bytes [begin, end) of the text
  TextMark mark = TextMark::kNeutral;
  std::string title;  // what a pointer that rests on it is told
};

class HtmlPage {
 public:
  explicit HtmlPage(std::string title, std::string subtitle = "");

  void section(std::string_view heading);
  void subsection(std::string_view heading);
  void paragraph(std::string_view text);
  // Beside its label a text with line breaks kept, parts of it marked: spans by position that do not overlap.
  void marked_paragraph(std::string_view label, std::string_view text, const std::vector<MarkedSpan>& spans);
  // A remark set apart: a caveat, how to read what follows.
  void note(std::string_view text);
  void list(const std::vector<std::string>& items);
  // Commands or files, in a fixed-width face with line breaks kept.
  void code(std::string_view text);
  void headlines(const std::vector<Headline>& items);
  // Throws Error if a row is not as long as the header.
  void table(const Table& table);
  // `svg` is put in as it is: only for markup made by this program (svg.hpp).
  void figure(std::string_view svg, std::string_view caption);
  // Several under one caption, two beside each other where the screen is wide enough.
  void figures(const std::vector<std::string>& svgs, std::string_view caption);
  // What is written between the two is folded away below its summary until the reader opens it; paper shows it opened.
  // They nest. Every beginning needs its end.
  void begin_details(std::string_view summary);
  void end_details();
  // Small print at the page's end.
  void footer(std::string_view text);

  // The whole document, UTF-8.
  std::string str() const;

 private:
  std::string title_, subtitle_, body_, footer_;
  std::size_t open_details_ = 0;
};

}  // namespace deri
