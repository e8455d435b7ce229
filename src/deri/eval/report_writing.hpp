#pragma once
// Reports out of a writer: of a store's records, or of recordings.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "deri/data/loader.hpp"
#include "deri/model/writer_folder.hpp"
#include "deri/nn/decoding.hpp"

namespace deri {

struct WritingOptions {
  bool nucleus = false;          // draw tokens instead of searching
  std::int64_t beams = 3;        // 1: greedy
  double length_penalty = 1;     // of the beam search
  std::int64_t max_tokens = 0;   // begin and end included; 0: what the writer was trained with
  std::int64_t min_tokens = 0;   // begin and end included
  std::int64_t no_repeat = 0;    // above 0: no run of so many tokens appears twice
  double top_p = 0.9;            // nucleus
  double temperature = 1;        // nucleus
  std::uint64_t seed = 0;        // nucleus
  bool bfloat16 = false;         // the decoder's weights; the writer stays so where the machine has no session for it
  std::int64_t batch_size = 32;  // records at once
};

struct WrittenText {
  std::string text;
  DecodedText decoded;

  // Mean log-probability of its tokens.
  double mean_log_probability() const;
};

// What the writer's encoder says of these records: [records, N, d] float32 on the CPU, in evaluation mode.
torch::Tensor encode_records(ReportWriter& writer, const SignalReader& reader, const std::vector<std::size_t>& records,
                             std::int64_t batch_size, const torch::Device& device);

// Reports of encoded ECGs [N, M, d]. On the CPU GPT-2 writes in a session (nn/gpt2_session.hpp), if there can be one.
// Nucleus sampling draws for ECG i from (seed, first + i). Throws Error for options
// that make no sense.
std::vector<WrittenText> write_reports(const WriterBundle& bundle, const torch::Tensor& encoded,
                                       const WritingOptions& options, const torch::Device& device,
                                       std::uint64_t first = 0);

// Reports of a store's records, in their order, with progress.
std::vector<WrittenText> write_reports(const WriterBundle& bundle, const SignalReader& reader,
                                       const std::vector<std::size_t>& records, const WritingOptions& options,
                                       const torch::Device& device);

// Reports in English: those in German or Swedish translated (text/report_translation.hpp), English ones as they are.
std::vector<std::string> in_english(const std::vector<std::string>& reports);

}  // namespace deri
