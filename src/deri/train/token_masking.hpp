#pragma once
// Which tokens a masked language model has to guess.

#include <cstdint>

#include <torch/torch.h>

#include "deri/model/ecg_text_model.hpp"
#include "deri/text/wordpiece.hpp"

namespace deri {

struct MaskedText {
  TextInput input;        // with tokens replaced
  torch::Tensor masked;   // [B, T] bool: positions to guess
  torch::Tensor targets;  // [n] int64: the tokens that stood there, row by row
};

// Chooses each token of `text` (CPU tensors) but [CLS] and [SEP] with chance `ratio`, at least one in every row that
// has one; of the chosen, 80 % become [MASK], 10 % a random token, 10 % stay (Devlin et al. 2019). Drawn from `seed`.
// Throws Error if the vocabulary has no [MASK].
MaskedText mask_tokens(const TextInput& text, const WordPiece& tokenizer, double ratio, std::uint64_t seed);

}  // namespace deri
