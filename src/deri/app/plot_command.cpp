#include <map>
#include <memory>
#include <string>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/log.hpp"
#include "deri/ecg/plot.hpp"

namespace deri {

void add_plot_command(CLI::App& app) {
  struct Options {
    std::string file, out;
    bool anonymous = false;
    PlotOptions plot;
  };
  auto options = std::make_shared<Options>();
  auto read = std::make_shared<ReadOptions>();
  const std::map<std::string, PlotLayout> layouts{
      {"auto", PlotLayout::kAuto}, {"3x4", PlotLayout::kThreeByFour}, {"rows", PlotLayout::kRows}};
  CLI::App* command = app.add_subcommand("plot", "Draw an ECG on millimetre paper");
  command->add_option("file", options->file, "ECG file of any format")->required();
  command->add_option("--out", options->out, "Picture to write: .png, .svg or .pdf")->required();
  command
      ->add_option("--layout", options->plot.layout,
                   "auto, 3x4 (with a rhythm strip; twelve leads of 9 s at least), or rows (one per lead)")
      ->transform(CLI::CheckedTransformer(layouts).description(""))
      ->default_str("auto");
  command->add_option("--start", options->plot.start, "First moment shown, s")->capture_default_str();
  command->add_option("--seconds", options->plot.seconds, "Seconds shown in a row of the layout rows")
      ->capture_default_str();
  command->add_option("--speed", options->plot.mm_per_second, "mm/s")->capture_default_str();
  command->add_option("--gain", options->plot.mm_per_millivolt, "mm/mV")->capture_default_str();
  command->add_option("--dpi", options->plot.dpi, "Resolution of a .png")->capture_default_str();
  command->add_flag("--anonymous", options->anonymous, "Leave out the patient and the date");
  add_read_options(*command, read);
  command->footer(example("deri plot archive/records100/00000/00001_lr.hea --out ecg.svg"));
  command->callback([options, read] {
    options->plot.show_patient = !options->anonymous;
    plot_ecg(read_recording(options->file, *read), options->out, options->plot);
    spdlog::info("wrote {}", options->out);
  });
}

}  // namespace deri
