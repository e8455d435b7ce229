#include "deri/nn/blocked_rows.hpp"

#include <algorithm>
#include <cstring>

#include "deri/base/vector_clones.hpp"
#include "deri/base/vector_values.hpp"

namespace deri {
namespace {

constexpr std::size_t kSums = 4;         // side by side, so that additions need not wait for each other
constexpr std::size_t kShiftSteps = 64;  // time steps whose mean the moments are taken around

template <int W, typename Value>
DERI_INLINE void moments_of(const Value* x, std::size_t length, RowMoments& moments) {
  const std::size_t stride = std::max<std::size_t>(length / kShiftSteps, 1);
  Floats<W> value, shift = {};
  float count = 0;
  for (std::size_t t = 0; t < length; t += stride, ++count) {
    load<W>(x + t * W, value);
    shift += value;
  }
  shift /= count;
  Floats<W> sums[kSums] = {}, squares[kSums] = {};
  std::size_t t = 0;
  for (; t + kSums <= length; t += kSums)
    for (std::size_t i = 0; i < kSums; ++i) {
      load<W>(x + (t + i) * W, value);
      value -= shift;
      sums[i] += value;
      squares[i] += value * value;
    }
  for (; t < length; ++t) {
    load<W>(x + t * W, value);
    value -= shift;
    sums[0] += value;
    squares[0] += value * value;
  }
  const Floats<W> sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  const Floats<W> square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
  const auto steps = static_cast<float>(length);
  store<W>(shift + sum / steps, moments.mean);
  Floats<W> central = square - sum * sum / steps;
  keep_positive<W>(central);
  store<W>(central, moments.squares);
}

template <int W, typename Value>
DERI_INLINE void normalise(const Value* x, RowScaling scaling, const Value* residual, std::size_t length, Value* out) {
  Floats<W> scale, shift, value, other;
  load<W>(scaling.scale, scale);
  load<W>(scaling.shift, shift);
  for (std::size_t t = 0; t < length * W; t += W) {
    load<W>(x + t, value);
    value = value * scale + shift;
    if (residual != nullptr) {
      load<W>(residual + t, other);
      value += other;
    }
    keep_positive<W>(value);
    store<W>(value, out + t);
  }
}

template <int W, typename Value>
DERI_INLINE void normalise_both(const Value* x, RowScaling scaling, const Value* other, RowScaling other_scaling,
                                std::size_t length, Value* out) {
  Floats<W> scale, shift, other_scale, other_shift, value, added;
  load<W>(scaling.scale, scale);
  load<W>(scaling.shift, shift);
  load<W>(other_scaling.scale, other_scale);
  load<W>(other_scaling.shift, other_shift);
  for (std::size_t t = 0; t < length * W; t += W) {
    load<W>(x + t, value);
    load<W>(other + t, added);
    value = value * scale + shift + (added * other_scale + other_shift);
    keep_positive<W>(value);
    store<W>(value, out + t);
  }
}

template <int W, typename Value>
DERI_INLINE void mask(const Value* x, const RowScaling* scaling, std::size_t length, Value* gradient) {
  const Floats<W> zero = {};
  Floats<W> scale = {}, shift = {}, value, slope;
  if (scaling != nullptr) {
    load<W>(scaling->scale, scale);
    load<W>(scaling->shift, shift);
  }
  for (std::size_t t = 0; t < length * W; t += W) {
    load<W>(x + t, value);
    load<W>(gradient + t, slope);
    if (scaling != nullptr) value = value * scale + shift;
    slope = value > zero ? slope : zero;
    store<W>(slope, gradient + t);
  }
}

template <int W, typename Value>
DERI_INLINE void reduce(const Value* gradient, const Value* x, const float* mean, std::size_t length, float* sum,
                        float* product) {
  Floats<W> slope, value, centre;
  Floats<W> sums[kSums] = {}, products[kSums] = {};
  load<W>(mean, centre);
  std::size_t t = 0;
  for (; t + kSums <= length; t += kSums)
    for (std::size_t i = 0; i < kSums; ++i) {
      load<W>(gradient + (t + i) * W, slope);
      load<W>(x + (t + i) * W, value);
      sums[i] += slope;
      products[i] += slope * (value - centre);
    }
  for (; t < length; ++t) {
    load<W>(gradient + t * W, slope);
    load<W>(x + t * W, value);
    sums[0] += slope;
    products[0] += slope * (value - centre);
  }
  Floats<W> total;
  load<W>(sum, total);
  store<W>(total + ((sums[0] + sums[1]) + (sums[2] + sums[3])), sum);
  load<W>(product, total);
  store<W>(total + ((products[0] + products[1]) + (products[2] + products[3])), product);
}

template <int W, typename Value>
DERI_INLINE void combine(const Value* gradient, const Value* x, const float* a, const float* b, const float* c,
                         std::size_t length, Value* out) {
  Floats<W> first, second, third, slope, value;
  load<W>(a, first);
  load<W>(b, second);
  load<W>(c, third);
  for (std::size_t t = 0; t < length * W; t += W) {
    load<W>(gradient + t, slope);
    load<W>(x + t, value);
    store<W>(first * slope + second * value + third, out + t);
  }
}

template <int W, typename Value>
DERI_INLINE void add(const Value* x, std::size_t count, Value* sum) {
  Floats<W> value, total;
  for (std::size_t i = 0; i + W <= count; i += W) {
    load<W>(x + i, value);
    load<W>(sum + i, total);
    store<W>(total + value, sum + i);
  }
}

template <int W, typename Value>
DERI_INLINE void block(const float* plain, std::size_t channels, std::size_t length, std::size_t channel_stride,
                       std::size_t time_stride, Value* blocked) {
  for (std::size_t first = 0; first < channels; first += W) {
    const std::size_t there = std::min<std::size_t>(W, channels - first);
    for (std::size_t t = 0; t < length; ++t) {
      Floats<W> values = {};
      for (std::size_t c = 0; c < there; ++c) values[c] = plain[(first + c) * channel_stride + t * time_stride];
      store<W>(values, blocked + (first * length + t * W));
    }
  }
}

template <int W, typename Value>
DERI_INLINE void unblock(const Value* blocked, std::size_t channels, std::size_t length, std::size_t channel_stride,
                         std::size_t time_stride, float* plain) {
  for (std::size_t first = 0; first < channels; first += W) {
    const std::size_t there = std::min<std::size_t>(W, channels - first);
    for (std::size_t t = 0; t < length; ++t) {
      Floats<W> values;
      load<W>(blocked + (first * length + t * W), values);
      if (channel_stride == 1 && there == W)
        store<W>(values, plain + first + t * time_stride);
      else
        for (std::size_t c = 0; c < there; ++c) plain[(first + c) * channel_stride + t * time_stride] = values[c];
    }
  }
}

template <int W>
DERI_INLINE void quantise(const float* blocked, std::size_t channels, std::size_t length, float scale, int largest,
                          std::uint8_t* whole) {
  const Floats<W> limit = Floats<W>{} + static_cast<float>(largest);
  const float steps = 1 / scale;
  Floats<W> values;
  for (std::size_t first = 0; first < channels; first += W)
    for (std::size_t t = 0; t < length; ++t) {
      load<W>(blocked + (first * length + t * W), values);
      values = values * steps + 0.5F;
      values = values < limit ? values : limit;
      const Bytes<W> bytes = __builtin_convertvector(__builtin_convertvector(values, Words<W>), Bytes<W>);
      std::memcpy(whole + (t * channels + first), &bytes, sizeof bytes);
    }
}

}  // namespace

DERI_WIDE_VECTOR_CLONES void quantise_record(const float* blocked, std::size_t channels, std::size_t length, int width,
                                             float scale, int largest, std::uint8_t* whole) {
  width == 16 ? quantise<16>(blocked, channels, length, scale, largest, whole)
              : quantise<8>(blocked, channels, length, scale, largest, whole);
}

DERI_WIDE_VECTOR_CLONES void dequantise_values(const std::uint8_t* whole, std::size_t count, float scale,
                                               float* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = scale * static_cast<float>(whole[i]);
}

// The public functions: a template cannot be compiled for several machines, but its instances, written out by this
// macro, can.
// NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type
#define DERI_ROW_FUNCTIONS(Value)                                                                                     \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void row_moments(const Value* x, std::size_t length, int width, RowMoments& moments) {      \
    width == 16 ? moments_of<16>(x, length, moments) : moments_of<8>(x, length, moments);                             \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void normalise_row(const Value* x, RowScaling scaling, const Value* residual,               \
                                             std::size_t length, int width, Value* out) {                             \
    width == 16 ? normalise<16>(x, scaling, residual, length, out) : normalise<8>(x, scaling, residual, length, out); \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void normalise_rows_and_add(const Value* x, RowScaling scaling, const Value* other,         \
                                                      RowScaling other_scaling, std::size_t length, int width,        \
                                                      Value* out) {                                                   \
    width == 16 ? normalise_both<16>(x, scaling, other, other_scaling, length, out)                                   \
                : normalise_both<8>(x, scaling, other, other_scaling, length, out);                                   \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void mask_row(const Value* out, std::size_t length, int width, Value* gradient) {           \
    width == 16 ? mask<16>(out, nullptr, length, gradient) : mask<8>(out, nullptr, length, gradient);                 \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void mask_row(const Value* x, RowScaling scaling, std::size_t length, int width,            \
                                        Value* gradient) {                                                            \
    width == 16 ? mask<16>(x, &scaling, length, gradient) : mask<8>(x, &scaling, length, gradient);                   \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void reduce_row(const Value* gradient, const Value* x, const float* mean,                   \
                                          std::size_t length, int width, float* sum, float* product) {                \
    width == 16 ? reduce<16>(gradient, x, mean, length, sum, product)                                                 \
                : reduce<8>(gradient, x, mean, length, sum, product);                                                 \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void combine_rows(const Value* gradient, const Value* x, const float* a, const float* b,    \
                                            const float* c, std::size_t length, int width, Value* out) {              \
    width == 16 ? combine<16>(gradient, x, a, b, c, length, out) : combine<8>(gradient, x, a, b, c, length, out);     \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void add_values(const Value* x, std::size_t count, Value* sum) {                            \
    add<16>(x, count, sum);                                                                                           \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void block_record(const float* plain, std::size_t channels, std::size_t length,             \
                                            std::size_t channel_stride, std::size_t time_stride, int width,           \
                                            Value* blocked) {                                                         \
    width == 16 ? block<16>(plain, channels, length, channel_stride, time_stride, blocked)                            \
                : block<8>(plain, channels, length, channel_stride, time_stride, blocked);                            \
  }                                                                                                                   \
  template <>                                                                                                         \
  DERI_WIDE_VECTOR_CLONES void unblock_record(const Value* blocked, std::size_t channels, std::size_t length,         \
                                              std::size_t channel_stride, std::size_t time_stride, int width,         \
                                              float* plain) {                                                         \
    width == 16 ? unblock<16>(blocked, channels, length, channel_stride, time_stride, plain)                          \
                : unblock<8>(blocked, channels, length, channel_stride, time_stride, plain);                          \
  }

DERI_ROW_FUNCTIONS(float)
DERI_ROW_FUNCTIONS(BFloat16)
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace deri
