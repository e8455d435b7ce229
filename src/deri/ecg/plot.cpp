#include "deri/ecg/plot.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/strings.hpp"
#include "deri/ecg/beats.hpp"
#include "deri/ecg/device_fields.hpp"
#include "deri/ecg/leads.hpp"

#if DERI_WITH_CAIRO
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>
#endif

namespace deri {

bool has_cairo() {
  return DERI_WITH_CAIRO != 0;
}

#if DERI_WITH_CAIRO
namespace {

// ---- what goes where; all lengths in mm ----

constexpr double kMargin = 16;  // left and right of the grid
constexpr double kHeader = 32;  // above it
constexpr double kFooter = 13;  // below it
constexpr double kLeadIn = 10;  // of the grid, before the traces: the calibration pulse
constexpr double kRunOut = 5;   // of the grid, after them
constexpr double kColumnSeconds = 2.5;
constexpr double kStripSeconds = 10;

// A piece of a lead in its place.
struct Trace {
  const Lead* lead = nullptr;
  double from = 0, seconds = 0;  // of the recording
  double x = 0, y = 0;           // of `from` at the lead's median
  bool separated = false;        // from the trace left of it
};

struct Page {
  double width = 0, height = 0;
  double grid_width = 0, grid_height = 0;
  double row_height = 0;
  std::vector<double> rows;  // y of each row's pulse
  std::vector<Trace> traces;
};

double whole_squares(double length) {
  return 5 * std::ceil(length / 5 - 1e-9);
}

Page empty_page(std::size_t rows, double row_height, double seconds, const PlotOptions& options) {
  Page page;
  page.row_height = row_height;
  page.grid_width = whole_squares(kLeadIn + seconds * options.mm_per_second + kRunOut);
  page.grid_height = whole_squares(static_cast<double>(rows) * row_height + 5);
  page.width = page.grid_width + 2 * kMargin;
  page.height = page.grid_height + kHeader + kFooter;
  const double top = kHeader + (page.grid_height - static_cast<double>(rows) * row_height) / 2;
  // On a bold line, so that amplitudes can be read off.
  for (std::size_t i = 0; i < rows; ++i)
    page.rows.push_back(kHeader + 5 * std::round((top - kHeader + (static_cast<double>(i) + 0.5) * row_height) / 5));
  return page;
}

const Lead* drawable(const Recording& recording, const std::string& name) {
  const Lead* lead = recording.find(name);
  return lead != nullptr && lead->unit == kMillivolt ? lead : nullptr;
}

Page three_by_four(const Recording& recording, const PlotOptions& options) {
  constexpr std::size_t kColumns = 4, kRows = 3;
  Page page = empty_page(kRows + 1, 40, kStripSeconds, options);
  for (std::size_t column = 0; column < kColumns; ++column) {
    for (std::size_t row = 0; row < kRows; ++row) {
      const std::string& name = standard_leads()[column * kRows + row];
      const Lead* lead = drawable(recording, name);
      if (lead == nullptr) fail("{}: lead {} is missing for this layout; draw rows instead", recording.source, name);
      const double offset = static_cast<double>(column) * kColumnSeconds;
      page.traces.push_back({lead, options.start + offset, kColumnSeconds,
                             kMargin + kLeadIn + offset * options.mm_per_second, page.rows[row], column > 0});
    }
  }
  page.traces.push_back(
      {drawable(recording, "II"), options.start, kStripSeconds, kMargin + kLeadIn, page.rows[kRows], false});
  return page;
}

Page one_row_each(const Recording& recording, const PlotOptions& options) {
  std::vector<const Lead*> leads;
  for (const Lead& lead : recording.leads)
    if (lead.unit == kMillivolt) leads.push_back(&lead);
  Page page = empty_page(leads.size(), 25, options.seconds, options);
  for (std::size_t i = 0; i < leads.size(); ++i)
    page.traces.push_back({leads[i], options.start, options.seconds, kMargin + kLeadIn, page.rows[i], false});
  return page;
}

bool fits_three_by_four(const Recording& recording) {
  constexpr double kLeastSeconds = 9;
  return recording.seconds() >= kLeastSeconds &&
         std::all_of(standard_leads().begin(), standard_leads().end(),
                     [&](const std::string& name) { return drawable(recording, name) != nullptr; });
}

Page lay_out(const Recording& recording, const PlotOptions& options) {
  if (options.layout == PlotLayout::kThreeByFour) return three_by_four(recording, options);
  if (options.layout == PlotLayout::kAuto && fits_three_by_four(recording)) return three_by_four(recording, options);
  return one_row_each(recording, options);
}

void check(const Recording& recording, const PlotOptions& options) {
  constexpr std::size_t kMostRows = 64;
  const auto within = [&](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high))
      fail("{}: {} of a plot must be {} to {}, not {}", recording.source, name, low, high, value);
  };
  within("seconds", options.seconds, 1, 60);
  within("mm per second", options.mm_per_second, 5, 100);
  within("mm per mV", options.mm_per_millivolt, 1, 40);
  within("dpi", options.dpi, 40, 600);
  within("start", options.start, 0, 1e9);
  const auto voltages = static_cast<std::size_t>(std::count_if(
      recording.leads.begin(), recording.leads.end(), [](const Lead& lead) { return lead.unit == kMillivolt; }));
  if (voltages == 0 || recording.length() == 0) fail("{}: nothing to draw: it holds no voltage", recording.source);
  if (voltages > kMostRows)
    fail("{}: {} leads are more than fit on a page ({})", recording.source, voltages, kMostRows);
  if (!std::isfinite(recording.rate) || options.start >= recording.seconds())
    fail("{}: nothing to draw after second {}: it ends at {:.1f}", recording.source, options.start,
         recording.seconds());
}

// ---- drawing ----

struct Color {
  double red, green, blue;
};
constexpr Color kInk{0.07, 0.07, 0.09}, kFaint{0.38, 0.38, 0.42};
constexpr Color kFineGrid{0.985, 0.855, 0.845}, kBoldGrid{0.935, 0.645, 0.635};

enum class Weight { kNormal, kBold };
enum class Align { kLeft, kRight };

class Canvas {
 public:
  explicit Canvas(cairo_surface_t* surface) : cairo_(cairo_create(surface)) {
    cairo_set_line_cap(cairo_, CAIRO_LINE_CAP_BUTT);
    cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
  }
  ~Canvas() { cairo_destroy(cairo_); }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  void scale(double factor) { cairo_scale(cairo_, factor, factor); }
  void paint_white() {
    cairo_set_source_rgb(cairo_, 1, 1, 1);
    cairo_paint(cairo_);
  }
  void pen(const Color& color, double width) {
    cairo_set_source_rgb(cairo_, color.red, color.green, color.blue);
    cairo_set_line_width(cairo_, width);
  }
  void move_to(double x, double y) { cairo_move_to(cairo_, x, y); }
  void line_to(double x, double y) { cairo_line_to(cairo_, x, y); }
  void rectangle(double x, double y, double width, double height) { cairo_rectangle(cairo_, x, y, width, height); }
  void stroke() { cairo_stroke(cairo_); }
  void clip_to(double x, double y, double width, double height) {
    cairo_save(cairo_);
    cairo_rectangle(cairo_, x, y, width, height);
    cairo_clip(cairo_);
  }
  void unclip() { cairo_restore(cairo_); }

  // `y` is the base line, `size` the height of the font, mm. Text wider than `most` is cut.
  void text(const std::string& words, double x, double y, double size, double most, Weight weight = Weight::kNormal,
            Align align = Align::kLeft) {
    select_font(weight, size);
    const std::string shown = cut(words, most);
    cairo_move_to(cairo_, align == Align::kRight ? x - width_of(shown) : x, y);
    cairo_show_text(cairo_, shown.c_str());
    cairo_new_path(cairo_);
  }
  // Bold, with a white rim against what it may stand on.
  void label(const std::string& words, double x, double y, double size, double most) {
    select_font(Weight::kBold, size);
    cairo_move_to(cairo_, x, y);
    cairo_text_path(cairo_, cut(words, most).c_str());
    cairo_set_source_rgb(cairo_, 1, 1, 1);
    cairo_set_line_width(cairo_, 0.9);
    cairo_stroke_preserve(cairo_);
    cairo_set_source_rgb(cairo_, kInk.red, kInk.green, kInk.blue);
    cairo_fill(cairo_);
  }
  cairo_status_t status() const { return cairo_status(cairo_); }

 private:
  void select_font(Weight weight, double size) {
    cairo_select_font_face(cairo_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           weight == Weight::kBold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo_, size);
  }
  double width_of(const std::string& words) {
    cairo_text_extents_t extents;
    cairo_text_extents(cairo_, words.c_str(), &extents);
    return extents.x_advance;
  }
  std::string cut(std::string words, double most) {
    if (width_of(words) <= most) return words;
    while (!words.empty() && width_of(words + "\u2026") > most) {
      do {
        words.pop_back();
      } while (!words.empty() && (static_cast<unsigned char>(words.back()) & 0xC0U) == 0x80);
      // What may be left of a character is its first byte.
      if (!words.empty() && (static_cast<unsigned char>(words.back()) & 0xC0U) == 0xC0) words.pop_back();
    }
    return words + "\u2026";
  }

  cairo_t* cairo_;
};

void draw_lines(Canvas& canvas, const Page& page, int every, int but_every) {
  const int columns = static_cast<int>(std::lround(page.grid_width)),
            rows = static_cast<int>(std::lround(page.grid_height));
  const auto drawn = [&](int mm) { return mm % every == 0 && (but_every == 0 || mm % but_every != 0); };
  for (int mm = 0; mm <= columns; ++mm) {
    if (!drawn(mm)) continue;
    canvas.move_to(kMargin + mm, kHeader);
    canvas.line_to(kMargin + mm, kHeader + page.grid_height);
  }
  for (int mm = 0; mm <= rows; ++mm) {
    if (!drawn(mm)) continue;
    canvas.move_to(kMargin, kHeader + mm);
    canvas.line_to(kMargin + page.grid_width, kHeader + mm);
  }
  canvas.stroke();
}

void draw_grid(Canvas& canvas, const Page& page) {
  canvas.pen(kFineGrid, 0.1);
  draw_lines(canvas, page, 1, 5);
  canvas.pen(kBoldGrid, 0.18);
  draw_lines(canvas, page, 5, 0);
}

// 1 mV for 0.2 s before each row.
void draw_pulses(Canvas& canvas, const Page& page, const PlotOptions& options) {
  const double width = 0.2 * options.mm_per_second, x = kMargin + std::max(0.5, (kLeadIn - width) / 2);
  canvas.pen(kInk, 0.3);
  for (const double y : page.rows) {
    canvas.move_to(x - 1.5, y);
    canvas.line_to(x, y);
    canvas.line_to(x, y - options.mm_per_millivolt);
    canvas.line_to(x + width, y - options.mm_per_millivolt);
    canvas.line_to(x + width, y);
    canvas.line_to(x + width + 1.5, y);
  }
  canvas.stroke();
}

// The samples of a trace, and the number of the first.
std::pair<std::span<const float>, std::size_t> samples_of(const Trace& trace, double rate) {
  const std::size_t length = trace.lead->samples.size();
  const auto index = [&](double seconds) {
    return static_cast<std::size_t>(std::clamp(std::ceil(seconds * rate - 1e-6), 0.0, static_cast<double>(length)));
  };
  // To the end's sample itself: neighbours in a row of columns meet.
  const std::size_t first = index(trace.from), end = std::min(length, index(trace.from + trace.seconds) + 1);
  return {std::span(trace.lead->samples).subspan(first, end - std::min(first, end)), first};
}

float median_of(std::span<const float> samples) {
  std::vector<float> values;
  for (const float sample : samples)
    if (std::isfinite(sample)) values.push_back(sample);
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void draw_trace(Canvas& canvas, const Trace& trace, float level, double rate, const PlotOptions& options) {
  constexpr double kFarOff = 500;  // mm: outside any page, inside cairo's numbers
  const auto [samples, first] = samples_of(trace, rate);
  bool down = false;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (!std::isfinite(samples[k])) {
      down = false;
      continue;
    }
    const double time = static_cast<double>(first + k) / rate - trace.from;
    const double height = (static_cast<double>(samples[k]) - static_cast<double>(level)) * options.mm_per_millivolt;
    const double x = trace.x + time * options.mm_per_second, y = trace.y - std::clamp(height, -kFarOff, kFarOff);
    if (down)
      canvas.line_to(x, y);
    else
      canvas.move_to(x, y);
    down = true;
  }
  canvas.pen(kInk, 0.26);
  canvas.stroke();
}

void draw_traces(Canvas& canvas, const Page& page, const Recording& recording, const PlotOptions& options) {
  canvas.clip_to(kMargin, kHeader, page.grid_width, page.grid_height);
  for (const Trace& trace : page.traces) {
    draw_trace(canvas, trace, median_of(samples_of(trace, recording.rate).first), recording.rate, options);
    if (!trace.separated) continue;
    canvas.pen(kInk, 0.3);
    for (const double side : {-1.0, 1.0}) {
      canvas.move_to(trace.x, trace.y + side * 6);
      canvas.line_to(trace.x, trace.y + side * 9);
    }
    canvas.stroke();
  }
  canvas.unclip();
  for (const Trace& trace : page.traces)
    canvas.label(device_text(trace.lead->name), trace.x + 1.5, trace.y - page.row_height / 2 + 6.5, 4, 40);
}

// ---- words ----

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string line;
  for (const std::string& word : words)
    if (!word.empty()) line += (line.empty() ? "" : between) + word;
  return line;
}

std::string patient_line(const Recording& recording) {
  std::vector<std::string> words;
  if (!recording.patient.id.empty()) words.push_back("Patient " + device_text(recording.patient.id));
  if (const auto age = recording.patient.age; age && std::isfinite(*age) && *age >= 0)
    words.push_back(*age >= 2 ? fmt::format("{:.0f} years", std::floor(std::min(*age, 999.0)))
                              : fmt::format("{:.0f} months", std::floor(*age * 12)));
  words.push_back(device_text(recording.patient.sex));
  return joined(words, ", ");
}

// "2014-03-01T10:20:30" with a blank for T.
std::string moment(const Recording& recording) {
  std::string text = device_text(recording.recorded_at);
  if (text.size() > 10 && text[10] == 'T') text[10] = ' ';
  return text;
}

std::string filter_words(const Filters& filters) {
  std::vector<std::string> words;
  if (filters.high_pass && filters.low_pass)
    words.push_back(fmt::format("{:g}\u2013{:g} Hz", *filters.high_pass, *filters.low_pass));
  else if (filters.high_pass)
    words.push_back(fmt::format("above {:g} Hz", *filters.high_pass));
  else if (filters.low_pass)
    words.push_back(fmt::format("below {:g} Hz", *filters.low_pass));
  if (filters.notch) words.push_back(fmt::format("notch {:g} Hz", *filters.notch));
  return joined(words, ", ");
}

std::string rate_words(const Recording& recording) {
  const auto rate = heart_rate(find_beats(recording), recording.rate);
  return rate ? fmt::format("Heart rate {:.0f}/min", *rate) : "";
}

void draw_header(Canvas& canvas, const Page& page, const Recording& recording, const PlotOptions& options) {
  const double right = page.width - kMargin, half = page.grid_width / 2 - 4;
  const std::string file = device_text(std::filesystem::path(recording.source).filename().string());
  canvas.pen(kInk, 0.3);
  const std::string who = options.show_patient ? patient_line(recording) : "";
  canvas.text(who.empty() ? file : who, kMargin, 12, 4.4, half, Weight::kBold);
  if (options.show_patient) canvas.text(moment(recording), right, 12, 3.8, half, Weight::kNormal, Align::kRight);
  canvas.text(rate_words(recording), kMargin, 18.5, 3.8, half);
  canvas.pen(kFaint, 0.3);
  canvas.text(joined({who.empty() ? "" : file, device_text(recording.format)}, ", "), right, 18.5, 3.3, half,
              Weight::kNormal, Align::kRight);
  // Two lines of the device's statements at most.
  std::vector<std::string> statements;
  for (const std::string& statement : recording.statements) statements.push_back(device_text(statement));
  canvas.text(joined(statements, "; "), kMargin, 25, 3.3, page.grid_width);
}

void draw_footer(Canvas& canvas, const Page& page, const Recording& recording, const PlotOptions& options) {
  const double y = kHeader + page.grid_height + 7;
  const double end = std::min(recording.seconds(), options.start + page.traces.back().seconds);
  canvas.pen(kInk, 0.3);
  canvas.text(joined({fmt::format("{:g} mm/s", options.mm_per_second),
                      fmt::format("{:g} mm/mV", options.mm_per_millivolt), filter_words(recording.filters)},
                     "    "),
              kMargin, y, 3.6, page.grid_width * 0.6);
  canvas.pen(kFaint, 0.3);
  canvas.text(fmt::format("{:g}\u2013{:g} s of {:g} s, {:g} Hz", options.start, std::round(end * 100) / 100,
                          std::round(recording.seconds() * 100) / 100, recording.rate),
              page.width - kMargin, y, 3.3, page.grid_width * 0.4 - 4, Weight::kNormal, Align::kRight);
}

void draw(Canvas& canvas, const Page& page, const Recording& recording, const PlotOptions& options) {
  canvas.paint_white();
  draw_grid(canvas, page);
  draw_pulses(canvas, page, options);
  draw_traces(canvas, page, recording, options);
  draw_header(canvas, page, recording, options);
  draw_footer(canvas, page, recording, options);
}

// ---- the three formats ----

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, DestroySurface>;

cairo_status_t append(void* target, const unsigned char* bytes, unsigned size) {
  static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

// cairo's own errors are ours, but for a picture that is too large.
void expect_success(cairo_status_t status, const Recording& recording) {
  if (status != CAIRO_STATUS_SUCCESS)
    fail("{}: cairo cannot draw it: {}", recording.source, cairo_status_to_string(status));
}

// PDF would else carry the present time.
std::string creation_date(const Recording& recording) {
  const std::string& time = recording.recorded_at;
  const bool whole =
      time.size() == 19 && time[10] == 'T' && time.find_first_not_of("0123456789-:T") == std::string::npos;
  return whole ? time + "Z" : "1970-01-01T00:00:00Z";
}

Surface make_surface(PlotFormat format, const Page& page, const Recording& recording, const PlotOptions& options,
                     std::string& bytes) {
  constexpr double kPoints = 72 / 25.4;
  switch (format) {
    case PlotFormat::kPng: {
      const double scale = options.dpi / 25.4, width = std::round(page.width * scale),
                   height = std::round(page.height * scale);
      constexpr double kMostPixels = 32000;
      if (width > kMostPixels || height > kMostPixels)
        fail("{}: a picture of {} x {} pixels is too large; take fewer dpi, or PDF", recording.source, width, height);
      return Surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)));
    }
    case PlotFormat::kSvg: {
      Surface surface(cairo_svg_surface_create_for_stream(append, &bytes, page.width, page.height));
      cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_MM);
      return surface;
    }
    case PlotFormat::kPdf: {
      Surface surface(cairo_pdf_surface_create_for_stream(append, &bytes, page.width * kPoints, page.height * kPoints));
      cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, creation_date(recording).c_str());
      return surface;
    }
  }
  return nullptr;
}

// cairo numbers the surfaces of a process and writes the number: without it, a picture's bytes are the same each time.
void remove_surface_number(std::string& svg) {
  constexpr std::string_view kName = "<g id=\"surface";
  const std::size_t at = svg.find(kName);
  if (at == std::string::npos) return;
  const std::size_t digits = at + kName.size();
  svg.erase(digits, std::min(svg.find('"', digits), svg.size()) - digits);
}

double scale_of(PlotFormat format, const PlotOptions& options) {
  return format == PlotFormat::kPng ? options.dpi / 25.4 : format == PlotFormat::kPdf ? 72 / 25.4 : 1;
}

}  // namespace

std::string render_ecg(const Recording& recording, PlotFormat format, const PlotOptions& options) {
  check(recording, options);
  const Page page = lay_out(recording, options);
  std::string bytes;
  const Surface surface = make_surface(format, page, recording, options, bytes);
  expect_success(cairo_surface_status(surface.get()), recording);
  {
    Canvas canvas(surface.get());
    canvas.scale(scale_of(format, options));
    draw(canvas, page, recording, options);
    expect_success(canvas.status(), recording);
  }
  if (format == PlotFormat::kPng)
    expect_success(cairo_surface_write_to_png_stream(surface.get(), append, &bytes), recording);
  cairo_surface_finish(surface.get());
  expect_success(cairo_surface_status(surface.get()), recording);
  if (format == PlotFormat::kSvg) remove_surface_number(bytes);
  return bytes;
}

#else

std::string render_ecg(const Recording& recording, PlotFormat, const PlotOptions&) {
  fail("{}: this build cannot plot: install libcairo2-dev and build again", recording.source);
}

#endif

void plot_ecg(const Recording& recording, const std::filesystem::path& path, const PlotOptions& options) {
  const std::string suffix = lower_case(path.extension().string());
  const auto format = suffix == ".png"   ? std::optional(PlotFormat::kPng)
                      : suffix == ".svg" ? std::optional(PlotFormat::kSvg)
                      : suffix == ".pdf" ? std::optional(PlotFormat::kPdf)
                                         : std::nullopt;
  if (!format) fail("{}: plots are written as .png, .svg or .pdf", path.string());
  write_file_atomic(path, render_ecg(recording, *format, options));
}

}  // namespace deri
