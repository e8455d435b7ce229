#pragma once
// A layer of a network for inference: a convolution over time with bias, the sum with what lies in the output's memory,
// and ReLU, in one kernel: oneDNN's, or minimal filtering (winograd_convolution.hpp) where that is faster. Weights are
// packed once; activations are float32, bfloat16 or 8-bit whole numbers.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "deri/nn/blocked_convolution.hpp"

namespace deri {

enum class ActivationType { kFloat32, kBfloat16, kU8, kS8 };

struct InferenceLayer {
  ConvolutionShape shape;
  ActivationType from, to;
  std::optional<ActivationType> sum = {};  // of what is added, of the same size as `to`
  bool relu = true;

  // For kU8 and kS8: a value is its whole number times this.
  float from_scale = 1, to_scale = 1, sum_scale = 1;
};

// A layer's weights [out, in, kernel] and bias [out], and how kernels want them packed.
class InferenceWeights {
 public:
  InferenceWeights(std::vector<float> weights, std::vector<float> bias);
  ~InferenceWeights();
  InferenceWeights(InferenceWeights&&) noexcept;

 private:
  friend class InferenceConvolution;
  struct Packed;
  std::vector<float> weights_, bias_;
  std::unique_ptr<Packed> packed_;
};

class InferenceConvolution {
 public:
  // Greatest whole number to use for kU8: 255, or 127 where this machine's 8-bit products would overflow in pairs.
  static int largest_u8();

  // Made for as many threads as OpenMP would take now (see single_thread.hpp), from 8-bit or from wider activations.
  // 8-bit weights have a scale per output channel.
  InferenceConvolution(const InferenceLayer& layer, InferenceWeights& weights);
  ~InferenceConvolution();
  InferenceConvolution(InferenceConvolution&&) noexcept;

  // Bytes of one record, x and y, and of the intermediate memory of a run.
  std::size_t in_bytes() const;
  std::size_t out_bytes() const;
  std::size_t scratch_bytes() const;

  // x -> y. From wider activations both are blocked_rows.hpp's records (`in` rounded up to whole blocks), from 8-bit
  // ones [length][channels]. May run in several threads at once, each with its own scratch, aligned to cache lines.
  void run(const void* x, void* y, void* scratch) const;

 private:
  struct Kernel;
  void filter(int outputs, InferenceWeights& weights);
  void convolve_directly(InferenceWeights& weights);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace deri
