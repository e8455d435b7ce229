#pragma once
// The reference figures of this folder, the rule that fills weights and inputs (README.md), and comparisons with a
// tolerance.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "testing/testing.hpp"
#include <torch/torch.h>

#include "deri/base/json.hpp"
#include "deri/model/config.hpp"
#include "deri/model/ecg_text_model.hpp"

namespace deri::testing {

// A file of parity_dir().
Json load_figures(const std::string& file);

// u of the rule: float32 in [0, 1).
torch::Tensor uniform_by_rule(std::string_view name, const std::vector<std::int64_t>& shape);

// Fills every parameter and buffer of `module` by the rule, under its own name.
void fill_by_rule(torch::nn::Module& module);

// Every parameter and buffer that an official state dict holds.
torch::OrderedDict<std::string, torch::Tensor> state_dict(const torch::nn::Module& module);

// Names and shapes of `module` are those of `expected`, none missing, none besides.
void expect_state_dict(const torch::nn::Module& module, const Json& expected);

// The model and the batch that deri_parity.json and merl_parity.json were made with: every dropout off.
ModelConfig figures_config(const std::string& kind, const Json& figures);
torch::Tensor figures_ecg(std::int64_t batch);  // [batch, 12, 5000]
TextInput figures_text(const Json& figures);    // [6, 256]

// |actual - expected| <= tolerance * (|expected| + rms(expected)) for every element, in row-major order.
void expect_close(const torch::Tensor& actual, const Json& expected, double tolerance, const std::string& what);

// |actual - expected| <= tolerance * |expected|.
void expect_relative(double actual, double expected, double tolerance, const std::string& what);

// Every loss of `expected` is among `terms`, and the other way round.
void expect_losses(const LossTerms& terms, const Json& expected, double tolerance);

// The names in `expected` have gradients of that [norm, first element, last element], and no other parameter has one.
// An element may be small by cancellation: its tolerance is relative to |element| + a typical element.
void expect_gradients(const torch::nn::Module& module, const Json& expected, double norm_tolerance,
                      double element_tolerance);

// Embeddings and losses, float32.
constexpr double kTolerance = 1e-4;

// Gradients hang on which of some 10^7 ReLU inputs lie on which side of 0, so rounding moves them far more than
// embeddings, and differently with every instruction set. In double precision the result is the same everywhere and the
// figures' own rounding is all that is left (norms 9.3e-4, elements 9.3e-3).
constexpr double kNormTolerance = 1e-3, kElementTolerance = 1e-2;
// In float32, seen with AVX-512, AVX2 and SSE kernels: norms up to 2.9e-3, elements up to 1.8e-2.
constexpr double kFloatNormTolerance = 5e-3, kFloatElementTolerance = 3e-2;

}  // namespace deri::testing
