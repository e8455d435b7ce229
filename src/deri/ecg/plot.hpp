#pragma once
// A recording on the paper everyone knows: 25 mm/s, 10 mm/mV, millimetre grid. Drawn with cairo.

#include <filesystem>
#include <string>

#include "deri/ecg/recording.hpp"

namespace deri {

enum class PlotLayout {
  kAuto,         // k3x4 for twelve leads of 9 s at least, else kRows
  kThreeByFour,  // columns of 2.5 s, one after the other in time: I-III, aVR-aVF, V1-V3, V4-V6; below, 10 s of II
  kRows          // a row per lead
};

struct PlotOptions {
  PlotLayout layout = PlotLayout::kAuto;
  double start = 0;              // s: the first moment shown
  double seconds = 10;           // shown in a row of kRows; 1 .. 60
  double mm_per_second = 25;     // 5 .. 100
  double mm_per_millivolt = 10;  // 1 .. 40
  double dpi = 200;              // of PNG; 40 .. 600
  bool show_patient = true;      // who, and when
};

enum class PlotFormat { kPng, kSvg, kPdf };

// Whether this build has cairo.
bool has_cairo();

// The picture as a file's bytes: the same for the same recording, options and fonts. SVG (user unit 1 mm) and PDF are
// in natural size, PNG at `dpi`. kThreeByFour at 25 mm/s is one page of A4, landscape; kRows as wide and as high as it
// takes. Each lead is drawn around the median of what is shown of it; missing samples are gaps; leads that are no
// voltage are left out. Throws Error, beginning with the recording's source, when there is nothing to draw (no voltage,
// nothing after `start`), when kThreeByFour lacks a lead, for options out of range, and when the program was built
// without cairo.
std::string render_ecg(const Recording& recording, PlotFormat format, const PlotOptions& options = {});

// render_ecg() into a file whose suffix says the format (.png, .svg, .pdf; Error for another); it appears whole or not
// at all.
void plot_ecg(const Recording& recording, const std::filesystem::path& path, const PlotOptions& options = {});

}  // namespace deri
