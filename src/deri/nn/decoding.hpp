#pragma once
// Texts from a language decoder, token by token, for many memories at once: greedy, beam search and nucleus sampling.
// Keys and values are cached, those of the memory computed once for all its beams; what is finished leaves the batch.

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/language_decoder.hpp"

namespace deri {

struct DecodingOptions {
  std::int64_t bos = 0, eos = 0;  // the token before the first, and the one that ends a text
  std::int64_t max_length = 256;  // of a text, bos and eos included; at most the network's positions
  std::int64_t min_length = 0;    // eos is not allowed before the text, with it, has so many tokens
  std::int64_t beams = 3;         // 1: greedy
  double length_penalty = 1;      // see DecodedText::score
  std::int64_t no_repeat = 0;     // above 0: no run of so many tokens appears twice in a text
};

struct NucleusOptions {
  double top_p = 0.9;      // the most probable tokens that together have this probability
  double temperature = 1;  // of the softmax before
  std::uint64_t seed = 0;  // memory i draws from (seed, first_memory + i): alike in any batch
  std::uint64_t first_memory = 0;
};

struct DecodedText {
  std::vector<std::int64_t> ids;              // bos first; eos last, unless max_length cut it
  std::vector<double> token_log_probability;  // of ids[1], ids[2], … as the network gives it
  double score = 0;                           // sum / (number of ids without eos)^length_penalty
  bool finished = false;                      // ended by eos
};

// memory [N, M, width] -> N texts. In evaluation mode, without gradient. Beam search is HuggingFace's (early_stopping =
// False): 2 x beams candidates a step, an eos counts only among the best `beams` of them, a text is done when no
// running beam can still beat its worst hypothesis. Throws Error for options that make no sense.
std::vector<DecodedText> decode(LanguageDecoder& network, const torch::Tensor& memory, const DecodingOptions& options);

// options.beams and length_penalty do not matter.
std::vector<DecodedText> decode_nucleus(LanguageDecoder& network, const torch::Tensor& memory,
                                        const DecodingOptions& options, const NucleusOptions& nucleus);

}  // namespace deri
