#include "deri/app/shared_options.hpp"

namespace deri {

std::string example(const std::string& command) {
  return "Example:\n  " + command;
}

void add_precision_option(CLI::App& command, std::string& precision) {
  command
      .add_option("--precision", precision,
                  "How ECGs are computed: float32; bfloat16, where the machine has AVX-512; int8, the fastest: the "
                  "encoder of a ResNet in whole numbers, calibrated on the first records (on PTB-XL cosine to float32 "
                  "0.9996 in the mean and 0.99 at least, zero-shot AUROC within 0.005)")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16", "int8"}));
}

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
