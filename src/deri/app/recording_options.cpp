#include "deri/app/recording_options.hpp"

namespace deri {

void add_read_options(CLI::App& command, const std::shared_ptr<ReadOptions>& options) {
  // For what CSV, NPY and MATLAB files do not say themselves.
  command.add_option("--rate", options->rate, "Sampling rate in Hz, for files that do not say it");
  command.add_option("--unit", options->unit, "V, mV, uV or nV, for files that do not say it");
  command.add_option("--leads", options->leads, "Lead names in the file's order, for files that do not say them")
      ->delimiter(',');
  command.add_flag_callback(
      "--no-checksums", [options] { options->verify_checksums = false; }, "Read WFDB signals whose checksum is wrong");
}

}  // namespace deri
