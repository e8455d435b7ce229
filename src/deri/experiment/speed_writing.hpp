#pragma once
// What the measurements of report writing share: the published decoder's size with random weights, and the texts that
// are written with it.

#include <cstdint>
#include <memory>

#include <torch/torch.h>

#include "deri/nn/gpt2.hpp"
#include "deri/nn/language_decoder.hpp"

namespace deri {

// DistilGPT2: 6 layers of 768, 50,259 tokens.
std::shared_ptr<Gpt2> random_distil_gpt2();

struct WritingSize {
  std::int64_t ecgs = 8, tokens = 48;  // of 105 memory tokens each; tokens of each text
};

// Beam search with 3 beams. Returns the texts' ids [ecgs, tokens + 1], the first token before them included.
torch::Tensor write_random_reports(LanguageDecoder& network, const WritingSize& size = {});

}  // namespace deri
