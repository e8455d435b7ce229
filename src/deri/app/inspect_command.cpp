#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "deri/app/commands.hpp"
#include "deri/app/shared_options.hpp"
#include "deri/base/error.hpp"
#include "deri/ecg/inspection.hpp"

namespace deri {
namespace {

// Names in files need not be UTF-8, which JSON must be.
std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Returns the error that kept the file from being read, or nothing.
std::string inspect(const std::string& file, const ReadOptions& options, bool json) {
  try {
    const Recording recording = read_recording(file, options);
    const QualityReport quality = assess_quality(recording);
    std::cout << (json ? json_line(inspection_json(recording, quality)) : inspection_text(recording, quality))
              << std::flush;
    return {};
  } catch (const Error& error) {
    if (json) std::cout << json_line({{"file", file}, {"error", error.what()}}) << std::flush;
    return error.what();
  }
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  struct Options {
    std::vector<std::string> files;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  auto read = std::make_shared<ReadOptions>();
  CLI::App* command = app.add_subcommand("inspect", "Say what ECG files hold, and what is wrong with them");
  command->add_option("files", options->files, "ECG files of any format")->required();
  command->add_flag("--json", options->json, "One line of JSON per file");
  add_read_options(*command, read);
  command->footer(example("deri inspect archive/records100/00000/00001_lr.hea"));
  command->callback([options, read] {
    std::vector<std::string> errors;
    for (const std::string& file : options->files) {
      const std::string error = inspect(file, *read, options->json);
      if (error.empty()) continue;
      errors.push_back(error);
      if (options->files.size() > 1 && !options->json) std::cerr << "deri: error: " << error << '\n';
    }
    if (errors.size() == 1 && options->files.size() == 1) throw Error(errors.front());
    if (!errors.empty()) fail("{} of {} files could not be read", errors.size(), options->files.size());
  });
}

}  // namespace deri
