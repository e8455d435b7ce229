#pragma once
// What subcommands share of their options and help.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "deri/ecg/read_recording.hpp"

namespace deri {

// --rate, --unit, --leads and --no-checksums, written to `options`, which must outlive the parse.
void add_read_options(CLI::App& command, const std::shared_ptr<ReadOptions>& options);

// "Example:\n  deri …" for a subcommand's help.
std::string example(const std::string& command);

// --precision: how a command computes the embeddings of ECGs (see nn/resnet_session.hpp).
void add_precision_option(CLI::App& command, std::string& precision);

}  // namespace deri
