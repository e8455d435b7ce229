#include "deri/nn/language_decoder.hpp"

namespace deri {

using torch::Tensor;

void DecoderState::select(const Tensor& rows, const Tensor& records) {
  const auto reorder = [](Tensor& tensor, const Tensor& order) {
    if (tensor.defined() && order.defined()) tensor = tensor.index_select(0, order);
  };
  for (Layer& layer : layers) {
    if (!history.defined()) {
      reorder(layer.key, rows);
      reorder(layer.value, rows);
    }
    reorder(layer.memory_key, records);
    reorder(layer.memory_value, records);
  }
  reorder(relation, rows);
  reorder(history, rows);
}

Tensor next_token_loss(const Tensor& logits, const Tensor& ids, const Tensor& mask) {
  constexpr std::int64_t kIgnored = -100;
  const std::int64_t length = ids.size(1);
  const Tensor targets = ids.slice(1, 1, length).masked_fill(mask.slice(1, 1, length).logical_not(), kIgnored);
  const Tensor guesses = logits.slice(1, 0, length - 1).flatten(0, 1);
  return torch::nn::functional::cross_entropy(
      guesses.scalar_type() == torch::kFloat64 ? guesses : guesses.to(torch::kFloat32), targets.flatten(),
      torch::nn::functional::CrossEntropyFuncOptions().ignore_index(kIgnored));
}

}  // namespace deri
