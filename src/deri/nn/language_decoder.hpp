#pragma once
// What every network that writes text from a memory (here: an ECG) can do: score a text at once, and go on from a text
// token by token with what it needs of the past kept.

#include <cstdint>
#include <vector>

#include <torch/torch.h>

namespace deri {

// What R texts under way need of their past. There are N memories with `beams` texts each, R = N * beams, text r
// belonging to memory r / beams.
struct DecoderState {
  struct Layer {
    torch::Tensor key, value;                // [R, heads, t, D], of the t tokens so far; undefined before the first
    torch::Tensor memory_key, memory_value;  // [N, heads, M, D]; undefined without a memory
  };
  std::vector<Layer> layers;
  torch::Tensor relation;  // [R, slots * width], what a relational memory holds; undefined without one
  // A Gpt2Session's: [R, t] int32, where in its layers' keys and values [room, first R, width] the tokens of a text
  // lie. With it, those stay in place when texts change theirs.
  torch::Tensor history;
  std::int64_t tokens = 0, beams = 1;

  // The state of other texts: text i becomes what text rows[i] was, memory i what memory records[i] was; int64, on the
  // state's device. `records` undefined: the memories stay.
  void select(const torch::Tensor& rows, const torch::Tensor& records);
};

class LanguageDecoder : public torch::nn::Module {
 public:
  virtual std::int64_t vocabulary() const = 0;
  virtual std::int64_t positions() const = 0;     // tokens of the longest text
  virtual std::int64_t memory_width() const = 0;  // of a memory vector

  // ids [B, T] int64, T <= positions(); mask [B, T] bool, true = token, or undefined: pads at the end of a row are not
  // attended to. memory [B, M, memory_width()]. -> logits [B, T, vocabulary()]: row t is of the token after t.
  virtual torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask, const torch::Tensor& memory) = 0;

  // Before the first token, `beams` texts for each memory [N, M, memory_width()]; what depends on the memory alone is
  // computed here, once.
  virtual DecoderState start(const torch::Tensor& memory, std::int64_t beams) = 0;
  // One more token for each text, ids [R] int64 -> logits [R, vocabulary()] of the token after it. The state grows.
  virtual torch::Tensor step(const torch::Tensor& ids, DecoderState& state) = 0;
};

// Mean cross-entropy of predicting each token from those before it; targets that `mask` [B, T] calls padding are left
// out. logits [B, T, vocabulary], ids [B, T]. Computed in float32 at least.
torch::Tensor next_token_loss(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask);

}  // namespace deri
