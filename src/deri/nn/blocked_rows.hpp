#pragma once
// What a residual network does between its convolutions, on activations in oneDNN's blocked layout: a record is
// [C / W][L][W], where W channels (16 with AVX-512, 8 otherwise) lie side by side. A row here is [L][W], one block of
// channels over time. Values are float32 or bfloat16; sums are float32 at least.

#include <cstddef>
#include <cstdint>

#include "deri/base/vector_values.hpp"

namespace deri {

inline constexpr int kWidestBlock = 16;

// Per channel of a row: its mean over time, and the sum of the squared distances from it.
struct RowMoments {
  float mean[kWidestBlock];
  float squares[kWidestBlock];
};

// y = scale * x + shift, per channel.
struct RowScaling {
  const float* scale;  // [W]
  const float* shift;  // [W]
};

// The functions exist for Value = float and BFloat16. `width` is W (8 or 16), `length` is L.

// Moments of x. Sums are taken around a value near the mean, so that they lose no digits where it is far from 0.
template <typename Value>
void row_moments(const Value* x, std::size_t length, int width, RowMoments& moments);

// out = max(0, scaling(x) + residual); without a residual if it is null.
template <typename Value>
void normalise_row(const Value* x, RowScaling scaling, const Value* residual, std::size_t length, int width,
                   Value* out);

// out = max(0, scaling(x) + other_scaling(other)).
template <typename Value>
void normalise_rows_and_add(const Value* x, RowScaling scaling, const Value* other, RowScaling other_scaling,
                            std::size_t length, int width, Value* out);

// gradient = 0 where out <= 0: back through the ReLU whose result was `out`.
template <typename Value>
void mask_row(const Value* out, std::size_t length, int width, Value* gradient);

// The same where only the ReLU's input scaling(x) is known.
template <typename Value>
void mask_row(const Value* x, RowScaling scaling, std::size_t length, int width, Value* gradient);

// sum[c] += sum over time of gradient, product[c] += sum of gradient * (x - mean[c]).
template <typename Value>
void reduce_row(const Value* gradient, const Value* x, const float* mean, std::size_t length, int width, float* sum,
                float* product);

// out = a * gradient + b * x + c, per channel: back through a batch-norm.
template <typename Value>
void combine_rows(const Value* gradient, const Value* x, const float* a, const float* b, const float* c,
                  std::size_t length, int width, Value* out);

// sum += x, over `count` values (a multiple of 16).
template <typename Value>
void add_values(const Value* x, std::size_t count, Value* sum);

// A plain matrix of C channels over time, [C][L] with the given strides (in values), to rows and back; channels of the
// last block that do not exist are 0.
template <typename Value>
void block_record(const float* plain, std::size_t channels, std::size_t length, std::size_t channel_stride,
                  std::size_t time_stride, int width, Value* blocked);
template <typename Value>
void unblock_record(const Value* blocked, std::size_t channels, std::size_t length, std::size_t channel_stride,
                    std::size_t time_stride, int width, float* plain);

// A blocked record of values >= 0 to whole numbers [L][C], `scale` to one, at most `largest`; and `count` of them back.
void quantise_record(const float* blocked, std::size_t channels, std::size_t length, int width, float scale,
                     int largest, std::uint8_t* whole);
void dequantise_values(const std::uint8_t* whole, std::size_t count, float scale, float* values);

}  // namespace deri
