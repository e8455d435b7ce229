#pragma once
// Pre-training on ECG-report pairs: a store and a configuration in, a run folder out
// (training_loop.hpp), whose best/ and last/ are model folders.

#include <filesystem>

#include "deri/base/json.hpp"
#include "deri/data/store.hpp"
#include "deri/train/pretrain_config.hpp"

namespace deri {

// Trains to the configuration's last epoch and returns the summary. With `resume`, goes on from the run's newest
// checkpoint, or begins if there is none; the weights at the end are then bit-identical to those of an uninterrupted
// run on the same machine with the same number of threads. Throws Error if `run` exists and `resume` is false; if it
// was begun with another configuration or store; if the store has no training pairs; if the loss stops being finite; if
// the disk is full (what was written stays whole).
Json pretrain(const PretrainConfig& config, const Store& store, const std::filesystem::path& run, bool resume);

}  // namespace deri
