#pragma once
// Options that subcommands share which read ECG files.

#include <memory>

#include <CLI/CLI.hpp>

#include "deri/ecg/read_recording.hpp"

namespace deri {

// --rate, --unit, --leads and --no-checksums, written to `options`, which must outlive the parse.
void add_read_options(CLI::App& command, const std::shared_ptr<ReadOptions>& options);

}  // namespace deri
