#pragma once
// A residual network for inference on the CPU: batch-norms folded into the weights, bias, residual sum and ReLU done by
// the convolution's kernel, oneDNN's layout from the first layer to the last, memory kept from call to call. Several
// records are spread over the threads, each wholly computed by one; a single record is computed by all.

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <torch/torch.h>

#include "deri/nn/fused_resnet.hpp"
#include "deri/nn/inference_convolution.hpp"

namespace deri {

enum class InferencePrecision {
  kFloat32,
  kBfloat16,  // activations and weights; sums in float32
  kInt8       // activations with a scale per layer, weights with one per channel; the first layer in float32
};

// "float32", "bfloat16" or "int8". Throws Error for anything else.
InferencePrecision parse_inference_precision(const std::string& name);

class ResNetSession {
 public:
  // Whether this machine and build can, and the fast kernels are chosen (kernels.hpp).
  static bool usable(InferencePrecision precision);

  // The network as fused_resnet.hpp describes it, with the weights and running statistics it has now. kInt8 takes the
  // scales of the activations from `calibration`, records [N, leads, L] like those to come; the others need none.
  ResNetSession(const std::vector<FusedBlock>& blocks, InferencePrecision precision,
                const torch::Tensor& calibration = {});
  ~ResNetSession();
  ResNetSession(const ResNetSession&) = delete;
  ResNetSession& operator=(const ResNetSession&) = delete;

  // ecg [B, leads, L] -> [B, F, T], float32, without gradient. Kernels are made at the first call with a length L.
  // Not for several threads at once.
  torch::Tensor forward(const torch::Tensor& ecg);

 private:
  struct Layer;
  struct Block;
  struct Plan;

  std::int64_t out_length(std::int64_t length) const;
  std::size_t add_layer(const NormedConvolution& modules, bool relu);
  std::unique_ptr<Plan> make_plan(std::int64_t length, InferencePrecision precision, int slots);
  Plan& plan(std::int64_t length, InferencePrecision precision, int slots);
  void calibrate(const torch::Tensor& records);
  // One record in one slot of the plan's memory; `greatest`, by layer, grows with the size of their outputs (float32).
  void run(const Plan& plan, int slot, const float* ecg, float* out, std::vector<float>* greatest) const;

  InferencePrecision precision_;
  std::vector<Layer> layers_;
  std::vector<Block> blocks_;
  // By length, threads of a kernel, and records at once.
  std::map<std::tuple<std::int64_t, int, int>, std::unique_ptr<Plan>> plans_;
};

}  // namespace deri
