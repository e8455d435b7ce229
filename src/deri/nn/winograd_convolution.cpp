#include "deri/nn/winograd_convolution.hpp"

#include <algorithm>
#include <limits>

#include <omp.h>

#include "deri/base/error.hpp"
#include "deri/nn/avx512.hpp"
#include "deri/nn/blocked_rows.hpp"
#include "deri/nn/huge_buffer.hpp"
#include "deri/nn/panel_product.hpp"

namespace deri {

class WinogradConvolution::Method {
 public:
  Method() = default;
  virtual ~Method() = default;
  Method(const Method&) = delete;
  Method& operator=(const Method&) = delete;

  virtual void set_weights(const float* weights, bool for_backward) = 0;
  virtual void share_weights(const Method& other) = 0;
  virtual std::size_t scratch_bytes() const = 0;
  virtual void forward(const void* x, void* y, float* scratch, const ConvolutionEnd& end) const = 0;
  virtual void backward_data(const void* y_gradient, void* x_gradient, float* scratch) const = 0;
  virtual std::size_t weight_gradient_values() const = 0;
  virtual std::size_t fewest_records() const = 0;
  virtual void backward_weights(const void* x, const void* y_gradient, std::size_t records, bool add, float* gradient,
                                float* scratch) const = 0;
  virtual void unpack_weight_gradient(const float* gradient, float* plain) const = 0;
};

#if defined(__x86_64__)

namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kTaps = 3;

// Depth is multiplied in groups of so many items: a sum of few terms has a smaller rounding error (as much smaller as
// the points of m = 4 make it greater), and what is multiplied stays in the first-level cache.
constexpr std::size_t kGroup = 128;

// Values of tiles that are transformed before they are multiplied: with the products they fill half of a core's
// second-level cache.
constexpr std::size_t kChunkItems = 128 * 1024;
// As few tiles read the weights once for so many products that their way from memory does not count.
constexpr std::size_t kFewestTiles = 160;
// Weight gradients are added up in memory once for so many tiles or more.
constexpr std::size_t kFewestSteps = 160;

DERI_AVX512_INLINE __m512 splat(float value) {
  return _mm512_set1_ps(value);
}
DERI_AVX512_INLINE __m512 add(__m512 a, __m512 b) {
  return _mm512_add_ps(a, b);
}
DERI_AVX512_INLINE __m512 subtract(__m512 a, __m512 b) {
  return _mm512_sub_ps(a, b);
}
// c + a * b, c - a * b
DERI_AVX512_INLINE __m512 add_product(__m512 c, float a, __m512 b) {
  return _mm512_fmadd_ps(splat(a), b, c);
}
DERI_AVX512_INLINE __m512 subtract_product(__m512 c, float a, __m512 b) {
  return _mm512_fnmadd_ps(splat(a), b, c);
}

DERI_AVX512_INLINE __m512 load(const float* from) {
  return _mm512_loadu_ps(from);
}
DERI_AVX512_INLINE __m512 load(const BFloat16* from) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
DERI_AVX512_INLINE __m256i round_to_halves(__m512 values) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(values));
}
DERI_AVX512_INLINE void store(__m512 values, float* to) {
  _mm512_storeu_ps(to, values);
}
DERI_AVX512_INLINE void store(__m512 values, BFloat16* to) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), round_to_halves(values));
}

// How values become the items of a product: one after another, or two values of the same depth in one.
template <typename Value>
struct Items;

template <>
struct Items<float> {
  static constexpr ProductItem kItem = ProductItem::kFloat32;
  static constexpr std::size_t kValues = 1;  // in an item

  // Of neighbours in a vector.
  static DERI_AVX512_INLINE void store_neighbours(__m512 values, float* items) { _mm512_storeu_ps(items, values); }
  // Of the same place in kValues vectors.
  static DERI_AVX512_INLINE __m512 combine(const __m512* values) { return values[0]; }
};

template <>
struct Items<BFloat16> {
  static constexpr ProductItem kItem = ProductItem::kBfloat16Pair;
  static constexpr std::size_t kValues = 2;

  static DERI_AVX512_INLINE void store_neighbours(__m512 values, float* items) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(items), round_to_halves(values));
  }
  static DERI_AVX512_INLINE __m512 combine(const __m512* values) {
    const __m512i low = _mm512_cvtepu16_epi32(round_to_halves(values[0]));
    const __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(round_to_halves(values[1])), 16);
    return _mm512_castsi512_ps(_mm512_or_si512(low, high));
  }
};

// The three transforms of a tile, on 16 channels at once. With points a_j, N_j the product of their distances from the
// other points, and M(z) the product of all (z - a_j), column by column or row by row:
//   G  (taps):   (1, a_j, a_j^2) / N_j        and (0, 0, 1) at infinity,
//   B' (input):  the coefficients of M / (z - a_j) and of M,
//   A' (output): (1, a_j, .., a_j^(m-1))'     and (0, .., 0, 1)'.
// gradient() is A, which takes the output's gradient to the positions'.

// m = 4, points 0, a, -a, b, -b.
template <typename V>
struct FourOutputs {
  using Value = V;
  static constexpr std::size_t kOutputs = 4, kPositions = 6;
  static constexpr float a = 0.75F, b = 1.5F, aa = a * a, bb = b * b;
  static constexpr float na = 2 * aa * (aa - bb), nb = 2 * bb * (bb - aa);
  static constexpr float kTapFactors[kPositions][kTaps] = {{1 / (aa * bb), 0, 0},      {1 / na, a / na, aa / na},
                                                           {1 / na, -a / na, aa / na}, {1 / nb, b / nb, bb / nb},
                                                           {1 / nb, -b / nb, bb / nb}, {0, 0, 1}};

  static DERI_AVX512_INLINE void input(const __m512* x, __m512* v) {
    v[0] = add_product(subtract_product(x[4], aa + bb, x[2]), aa * bb, x[0]);
    const __m512 even_a = subtract_product(x[4], bb, x[2]), odd_a = subtract_product(x[3], bb, x[1]);
    v[1] = add_product(even_a, a, odd_a);
    v[2] = subtract_product(even_a, a, odd_a);
    const __m512 even_b = subtract_product(x[4], aa, x[2]), odd_b = subtract_product(x[3], aa, x[1]);
    v[3] = add_product(even_b, b, odd_b);
    v[4] = subtract_product(even_b, b, odd_b);
    v[5] = add_product(subtract_product(x[5], aa + bb, x[3]), aa * bb, x[1]);
  }
  static DERI_AVX512_INLINE void output(const __m512* m, __m512* y) {
    const __m512 sum_a = add(m[1], m[2]), difference_a = subtract(m[1], m[2]);
    const __m512 sum_b = add(m[3], m[4]), difference_b = subtract(m[3], m[4]);
    y[0] = add(m[0], add(sum_a, sum_b));
    y[1] = add_product(_mm512_mul_ps(splat(a), difference_a), b, difference_b);
    y[2] = add_product(_mm512_mul_ps(splat(aa), sum_a), bb, sum_b);
    y[3] = add_product(add_product(m[5], aa * a, difference_a), bb * b, difference_b);
  }
  static DERI_AVX512_INLINE void gradient(const __m512* y, __m512* m) {
    const __m512 even_a = add_product(y[0], aa, y[2]), odd_a = add_product(y[1], aa, y[3]);
    const __m512 even_b = add_product(y[0], bb, y[2]), odd_b = add_product(y[1], bb, y[3]);
    m[0] = y[0];
    m[1] = add_product(even_a, a, odd_a);
    m[2] = subtract_product(even_a, a, odd_a);
    m[3] = add_product(even_b, b, odd_b);
    m[4] = subtract_product(even_b, b, odd_b);
    m[5] = y[3];
  }
};

// m = 2, points 0, 1, -1.
template <typename V>
struct TwoOutputs {
  using Value = V;
  static constexpr std::size_t kOutputs = 2, kPositions = 4;
  static constexpr float kTapFactors[kPositions][kTaps] = {
      {-1, 0, 0}, {0.5F, 0.5F, 0.5F}, {0.5F, -0.5F, 0.5F}, {0, 0, 1}};

  static DERI_AVX512_INLINE void input(const __m512* x, __m512* v) {
    v[0] = subtract(x[2], x[0]);
    v[1] = add(x[2], x[1]);
    v[2] = subtract(x[2], x[1]);
    v[3] = subtract(x[3], x[1]);
  }
  static DERI_AVX512_INLINE void output(const __m512* m, __m512* y) {
    y[0] = add(m[0], add(m[1], m[2]));
    y[1] = add(m[3], subtract(m[1], m[2]));
  }
  static DERI_AVX512_INLINE void gradient(const __m512* y, __m512* m) {
    m[0] = y[0];
    m[1] = add(y[0], y[1]);
    m[2] = subtract(y[0], y[1]);
    m[3] = y[1];
  }
};

// `count` time steps from `begin`, which may lie outside of the row: there it is 0.
template <std::size_t kCount, typename Value>
DERI_AVX512_INLINE void read_steps(const Value* row, std::ptrdiff_t begin, std::ptrdiff_t length, __m512* values) {
  if (begin >= 0 && begin + static_cast<std::ptrdiff_t>(kCount) <= length) {
    for (std::size_t i = 0; i < kCount; ++i) values[i] = load(row + (begin + static_cast<std::ptrdiff_t>(i)) * 16);
    return;
  }
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::ptrdiff_t at = begin + static_cast<std::ptrdiff_t>(i);
    values[i] = at >= 0 && at < length ? load(row + at * 16) : _mm512_setzero_ps();
  }
}

// Which tiles or steps.
struct Range {
  std::size_t first, count;
};

// Where the transformed values of 16 channels lie, in items.
struct Spread {
  float* data;
  std::size_t position, next;  // distances of positions, and of tiles
};

template <typename Filter>
DERI_AVX512_INLINE void read_input(const typename Filter::Value* x, std::size_t tile, std::size_t length, __m512* v) {
  __m512 steps[Filter::kOutputs + 2];
  read_steps<Filter::kOutputs + 2>(x, static_cast<std::ptrdiff_t>(tile * Filter::kOutputs) - 1,
                                   static_cast<std::ptrdiff_t>(length), steps);
  Filter::input(steps, v);
}

template <typename Filter>
DERI_AVX512_INLINE void read_gradient(const typename Filter::Value* y, std::size_t tile, std::size_t length,
                                      __m512* m) {
  __m512 steps[Filter::kOutputs];
  read_steps<Filter::kOutputs>(y, static_cast<std::ptrdiff_t>(tile * Filter::kOutputs),
                               static_cast<std::ptrdiff_t>(length), steps);
  Filter::gradient(steps, m);
}

// Tiles of x [length][16] to rows of the left matrices: depth is the channels.
template <typename Filter>
DERI_AVX512 void transform_input(const typename Filter::Value* x, std::size_t length, Range tiles, Spread to) {
  __m512 values[Filter::kPositions];
  for (std::size_t t = 0; t < tiles.count; ++t) {
    read_input<Filter>(x, tiles.first + t, length, values);
    for (std::size_t p = 0; p < Filter::kPositions; ++p)
      Items<typename Filter::Value>::store_neighbours(values[p], to.data + p * to.position + t * to.next);
  }
}

// The end of a convolution for 16 channels; of those, `sum` has the layout of y.
template <typename Value>
struct ChannelsEnd {
  const float* bias;
  const Value* sum;
  bool relu;
};

// The products, back to y [length][16].
template <typename Filter>
DERI_AVX512 void transform_output(Spread from, Range tiles, std::size_t length,
                                  const ChannelsEnd<typename Filter::Value>& end, typename Filter::Value* y) {
  __m512 products[Filter::kPositions], values[Filter::kOutputs];
  const __m512 bias = end.bias != nullptr ? load(end.bias) : _mm512_setzero_ps();
  const __m512 least = splat(end.relu ? 0 : -std::numeric_limits<float>::infinity());
  for (std::size_t t = 0; t < tiles.count; ++t) {
    for (std::size_t p = 0; p < Filter::kPositions; ++p)
      products[p] = load(from.data + p * from.position + t * from.next);
    Filter::output(products, values);
    const std::size_t begin = (tiles.first + t) * Filter::kOutputs;
    const std::size_t count = std::min(Filter::kOutputs, length - begin);
    for (std::size_t i = 0; i < count; ++i) {
      __m512 value = add(values[i], bias);
      if (end.sum != nullptr) value = add(value, load(end.sum + (begin + i) * kLanes));
      store(_mm512_max_ps(least, value), y + (begin + i) * kLanes);
    }
  }
}

// Tiles of x (kInput) or of y's gradient as matrices whose depth is time: an item of a step are the values of as many
// tiles as it holds.
template <typename Filter, bool kInput>
DERI_AVX512 void transform_in_depth(const typename Filter::Value* x, std::size_t length, Range steps, Spread to) {
  using Packing = Items<typename Filter::Value>;
  __m512 values[Packing::kValues][Filter::kPositions], same[Packing::kValues];
  for (std::size_t step = 0; step < steps.count; ++step) {
    for (std::size_t i = 0; i < Packing::kValues; ++i) {
      const std::size_t tile = (steps.first + step) * Packing::kValues + i;
      if constexpr (kInput)
        read_input<Filter>(x, tile, length, values[i]);
      else
        read_gradient<Filter>(x, tile, length, values[i]);
    }
    for (std::size_t p = 0; p < Filter::kPositions; ++p) {
      for (std::size_t i = 0; i < Packing::kValues; ++i) same[i] = values[i][p];
      store(Packing::combine(same), to.data + p * to.position + step * to.next);
    }
  }
}

// Weights seen as [depth][columns][taps], for both directions.
struct WeightView {
  const float* data;
  std::size_t depth, columns;
  std::size_t depth_stride, column_stride;
  bool reversed;  // the taps

  const float* at(std::size_t k, std::size_t column, std::size_t tap) const {
    return data + k * depth_stride + column * column_stride + (reversed ? kTaps - 1 - tap : tap);
  }
};

DERI_AVX512_INLINE __m512i lane_offsets(std::size_t stride) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_mullo_epi32(lanes, _mm512_set1_epi32(static_cast<int>(stride)));
}

// The items (depth `first` to first + count) of 16 columns: G w.
template <typename Filter>
DERI_AVX512 void transform_weights(const WeightView& weights, std::size_t column, Range items, Spread to) {
  using Packing = Items<typename Filter::Value>;
  const __m512i offsets = lane_offsets(weights.column_stride);
  __m512 taps[Packing::kValues][kTaps], values[Packing::kValues];
  for (std::size_t k = 0; k < items.count; ++k) {
    for (std::size_t i = 0; i < Packing::kValues; ++i)
      for (std::size_t tap = 0; tap < kTaps; ++tap)
        taps[i][tap] =
            _mm512_i32gather_ps(offsets, weights.at((items.first + k) * Packing::kValues + i, column, tap), 4);
    for (std::size_t p = 0; p < Filter::kPositions; ++p) {
      const float* factors = Filter::kTapFactors[p];
      for (std::size_t i = 0; i < Packing::kValues; ++i)
        values[i] = add_product(add_product(_mm512_mul_ps(splat(factors[0]), taps[i][0]), factors[1], taps[i][1]),
                                factors[2], taps[i][2]);
      store(Packing::combine(values), to.data + p * to.position + k * to.next);
    }
  }
}

// Weight gradients of 16 output channels and all input channels: G', to plain [out, in, 3].
template <typename Filter>
DERI_AVX512 void transform_weight_gradient(const float* gradient, std::size_t position, std::size_t in, float* plain) {
  const __m512i offsets = lane_offsets(in * kTaps);
  for (std::size_t i = 0; i < in; ++i)
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      __m512 sum = _mm512_setzero_ps();
      for (std::size_t p = 0; p < Filter::kPositions; ++p)
        sum = add_product(sum, Filter::kTapFactors[p][tap], load(gradient + p * position + i * kPanelColumns));
      _mm512_i32scatter_ps(plain + i * kTaps + tap, offsets, sum, 4);
    }
}

std::size_t divided_up(std::size_t count, std::size_t by) {
  return (count + by - 1) / by;
}

// `count` things in parts of about the same size, of at most `most`; a multiple of `threads` parts if possible.
std::size_t even_part(std::size_t count, std::size_t most, std::size_t threads = 1) {
  return divided_up(count, divided_up(divided_up(count, most), threads) * threads);
}

}  // namespace

template <typename Filter>
class WinogradConvolution::MethodOf : public Method {
 public:
  MethodOf(std::size_t in, std::size_t out, std::size_t length, std::size_t threads)
      : in_(in), out_(out), length_(length), threads_(threads) {
    const std::size_t fitting = kChunkItems / (kPositions * (in + out));
    tile_chunk_ = even_part(tiles(), std::max(fitting, kFewestTiles));
    if (tile_chunk_ < tiles()) tile_chunk_ = even_part(tiles(), tile_chunk_, threads);
    step_chunk_ = std::max(fitting, kFewestSteps);
  }

  void set_weights(const float* weights, bool for_backward) override {
    pack({weights, in_, out_, kTaps, in_ * kTaps, false}, *forward_weights_);
    if (for_backward) pack({weights, out_, in_, in_ * kTaps, kTaps, true}, *backward_weights_);
  }
  void share_weights(const Method& method) override {
    const auto* other = dynamic_cast<const MethodOf*>(&method);
    DERI_CHECK(other != nullptr && other->in_ == in_ && other->out_ == out_);
    forward_weights_ = other->forward_weights_;
    backward_weights_ = other->backward_weights_;
  }

  std::size_t scratch_bytes() const override { return threads_ * thread_scratch() * sizeof(float); }

  void forward(const void* x, void* y, float* scratch, const ConvolutionEnd& end) const override {
    convolve(static_cast<const Value*>(x), in_, *forward_weights_, out_, static_cast<Value*>(y), end, scratch);
  }
  void backward_data(const void* y_gradient, void* x_gradient, float* scratch) const override {
    convolve(static_cast<const Value*>(y_gradient), out_, *backward_weights_, in_, static_cast<Value*>(x_gradient), {},
             scratch);
  }

  std::size_t weight_gradient_values() const override { return kPositions * in_ * out_; }
  std::size_t fewest_records() const override { return divided_up(step_chunk_, record_steps()); }

  void backward_weights(const void* x, const void* y_gradient, std::size_t records, bool add, float* gradient,
                        float* scratch) const override {
    const std::size_t steps = records * record_steps(), chunk = even_part(steps, step_chunk_);
    for (std::size_t first = 0; first < steps; first += chunk) {
      const Range range{first, std::min(chunk, steps - first)};
      float* from_x = scratch;
      float* from_y = scratch + kPositions * range.count * in_;
      spread_steps<true>(static_cast<const Value*>(x), in_, range, kGroup, from_x);
      spread_steps<false>(static_cast<const Value*>(y_gradient), out_, range, kPanelColumns, from_y);
      multiply_steps(from_x, from_y, range.count, add || first > 0, gradient);
    }
  }

  void unpack_weight_gradient(const float* gradient, float* plain) const override {
#pragma omp parallel for
    for (std::size_t first = 0; first < out_; first += kLanes)
      transform_weight_gradient<Filter>(gradient + first / kPanelColumns * in_ * kPanelColumns + first % kPanelColumns,
                                        in_ * out_, in_, plain + first * in_ * kTaps);
  }

 private:
  using Value = typename Filter::Value;
  using Packing = Items<Value>;
  static constexpr std::size_t kPositions = Filter::kPositions;

  // Weights [positions][groups of depth][panels][items of the group][32].
  struct Weights {
    HugeBuffer memory;
    float* items = nullptr;
  };

  std::size_t tiles() const {
    return (length_ + Filter::kOutputs - 1) / Filter::kOutputs;
  }
  std::size_t record_steps() const {
    return (tiles() + Packing::kValues - 1) / Packing::kValues;
  }

  static void pack(const WeightView& view, Weights& weights) {
    const std::size_t depth = view.depth / Packing::kValues, position = depth * view.columns;
    if (weights.items == nullptr) {
      weights.memory.reserve(HugeBuffer::padded(kPositions * position * sizeof(float)));
      weights.items = weights.memory.template take<float>(kPositions * position);
    }
#pragma omp parallel for
    for (std::size_t column = 0; column < view.columns; column += kLanes)
      for (std::size_t first = 0; first < depth; first += kGroup) {
        const Range items{first, std::min(kGroup, depth - first)};
        float* panel = weights.items + first * view.columns + column / kPanelColumns * items.count * kPanelColumns;
        transform_weights<Filter>(view, column, items, {panel + column % kPanelColumns, position, kPanelColumns});
      }
  }

  std::size_t thread_scratch() const {
    return kPositions * (in_ + out_) * std::max(tile_chunk_, step_chunk_);
  }

  // In parts of tiles; where these are too few for the threads, of output channels too.
  void convolve(const Value* x, std::size_t in, const Weights& weights, std::size_t out, Value* y,
                const ConvolutionEnd& end, float* scratch) const {
    const std::size_t chunks = divided_up(tiles(), tile_chunk_), panels = out / kPanelColumns;
    const std::size_t columns = kPanelColumns * divided_up(panels, chunks < threads_ ? threads_ / chunks : 1);
    const std::size_t column_parts = divided_up(out, columns), parts = chunks * column_parts;
    const auto part = [&](std::size_t index, float* memory) {
      const std::size_t tile = index / column_parts * tile_chunk_, column = index % column_parts * columns;
      const Range part_tiles{tile, std::min(tile_chunk_, tiles() - tile)};
      convolve_part(x, in, weights, out, part_tiles, {column, std::min(columns, out - column)}, y, end, memory);
    };
    if (threads_ == 1) {
      for (std::size_t i = 0; i < parts; ++i) part(i, scratch);
      return;
    }
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(threads_))
    for (std::size_t i = 0; i < parts; ++i)
      part(i, scratch + static_cast<std::size_t>(omp_get_thread_num()) * thread_scratch());
  }

  void convolve_part(const Value* x, std::size_t in, const Weights& weights, std::size_t out, Range tiles,
                     Range columns, Value* y, const ConvolutionEnd& end, float* scratch) const {
    const std::size_t depth = in / Packing::kValues;
    float* inputs = scratch;                                       // [positions][groups][tiles][items of the group]
    float* products = scratch + kPositions * tiles.count * depth;  // [positions][panels][tiles][32]
    for (std::size_t channel = 0; channel < in; channel += kLanes) {
      const std::size_t item = channel / Packing::kValues, group = item / kGroup * kGroup;
      transform_input<Filter>(
          x + channel * length_, length_, tiles,
          {inputs + group * tiles.count + item % kGroup, tiles.count * depth, std::min(kGroup, depth - group)});
    }
    for (std::size_t p = 0; p < kPositions; ++p)
      multiply_tiles(inputs + p * tiles.count * depth, tiles.count, depth, weights.items + p * depth * out, out,
                     columns, products + p * tiles.count * columns.count);
    for (std::size_t channel = 0; channel < columns.count; channel += kLanes) {
      const std::size_t there = columns.first + channel;
      const ChannelsEnd<Value> channels_end{
          end.bias == nullptr ? nullptr : end.bias + there,
          end.sum == nullptr ? nullptr : static_cast<const Value*>(end.sum) + there * length_, end.relu};
      transform_output<Filter>(
          {products + channel / kPanelColumns * tiles.count * kPanelColumns + channel % kPanelColumns,
           tiles.count * columns.count, kPanelColumns},
          tiles, length_, channels_end, y + there * length_);
    }
  }

  // One position's product for some columns of the weights.
  static void multiply_tiles(const float* inputs, std::size_t tiles, std::size_t depth, const float* weights,
                             std::size_t out, Range columns, float* products) {
    for (std::size_t group = 0; group < depth; group += kGroup) {
      const std::size_t items = std::min(kGroup, depth - group);
      for (std::size_t column = 0; column < columns.count; column += kPanelColumns)
        multiply_panel({.a = inputs + group * tiles,
                        .a_stride = items,
                        .a_transposed = false,
                        .b = weights + group * out + (columns.first + column) * items,
                        .depth = items,
                        .c = products + column * tiles,
                        .c_stride = kPanelColumns,
                        .rows = tiles,
                        .add = group > 0},
                       Packing::kItem);
    }
  }

  // Steps (of all records, one after another) as [positions][channels / wide][steps][wide].
  template <bool kInput>
  void spread_steps(const Value* x, std::size_t channels, Range steps, std::size_t wide, float* items) const {
    for (std::size_t done = 0; done < steps.count;) {
      const std::size_t record = (steps.first + done) / record_steps(), from = (steps.first + done) % record_steps();
      const Range part{from, std::min(record_steps() - from, steps.count - done)};
      for (std::size_t channel = 0; channel < channels; channel += kLanes) {
        const std::size_t group = channel / wide * wide, width = std::min(wide, channels - group);
        float* place = items + group * steps.count + done * width + channel % wide;
        transform_in_depth<Filter, kInput>(x + (record * channels + channel) * length_, length_, part,
                                           {place, steps.count * channels, width});
      }
      done += part.count;
    }
  }

  // gradient [positions][panels of out][in][32] (+)= the products over time.
  void multiply_steps(const float* from_x, const float* from_y, std::size_t steps, bool add, float* gradient) const {
    for (std::size_t p = 0; p < kPositions; ++p)
      for (std::size_t group = 0; group < in_; group += kGroup)
        for (std::size_t column = 0; column < out_; column += kPanelColumns) {
          const std::size_t width = std::min(kGroup, in_ - group);
          multiply_panel({.a = from_x + (p * in_ + group) * steps,
                          .a_stride = width,
                          .a_transposed = true,
                          .b = from_y + (p * out_ + column) * steps,
                          .depth = steps,
                          .c = gradient + (p * out_ + column) * in_ + group * kPanelColumns,
                          .c_stride = kPanelColumns,
                          .rows = width,
                          .add = add},
                         Packing::kItem);
        }
  }

  std::size_t in_, out_, length_, threads_;
  std::size_t tile_chunk_, step_chunk_;
  std::shared_ptr<Weights> forward_weights_ = std::make_shared<Weights>();
  std::shared_ptr<Weights> backward_weights_ = std::make_shared<Weights>();
};

bool WinogradConvolution::available(std::int64_t in, std::int64_t out, bool bfloat16) {
  return in % kPanelColumns == 0 && out % kPanelColumns == 0 &&
         can_multiply_panels(bfloat16 ? ProductItem::kBfloat16Pair : ProductItem::kFloat32);
}

WinogradConvolution::WinogradConvolution(std::int64_t in, std::int64_t out, std::int64_t length, bool bfloat16,
                                         int outputs, int threads) {
  DERI_CHECK(threads >= 1 && available(in, out, bfloat16) && (outputs == 4 || (outputs == 2 && bfloat16)));
  const auto make = [&]<typename Filter>(Filter) {
    method_ = std::make_unique<MethodOf<Filter>>(static_cast<std::size_t>(in), static_cast<std::size_t>(out),
                                                 static_cast<std::size_t>(length), static_cast<std::size_t>(threads));
  };
  if (!bfloat16)
    make(FourOutputs<float>());
  else if (outputs == 4)
    make(FourOutputs<BFloat16>());
  else
    make(TwoOutputs<BFloat16>());
}

#else

bool WinogradConvolution::available(std::int64_t, std::int64_t, bool) {
  return false;
}
WinogradConvolution::WinogradConvolution(std::int64_t, std::int64_t, std::int64_t, bool, int, int) {
  DERI_CHECK(false);
}

#endif

WinogradConvolution::~WinogradConvolution() = default;
WinogradConvolution::WinogradConvolution(WinogradConvolution&&) noexcept = default;

void WinogradConvolution::set_weights(const float* weights, bool for_backward) {
  method_->set_weights(weights, for_backward);
}
void WinogradConvolution::share_weights(const WinogradConvolution& other) {
  method_->share_weights(*other.method_);
}
std::size_t WinogradConvolution::scratch_bytes() const {
  return method_->scratch_bytes();
}
void WinogradConvolution::forward(const void* x, void* y, void* scratch, const ConvolutionEnd& end) const {
  method_->forward(x, y, static_cast<float*>(scratch), end);
}
void WinogradConvolution::backward_data(const void* y_gradient, void* x_gradient, void* scratch) const {
  method_->backward_data(y_gradient, x_gradient, static_cast<float*>(scratch));
}
std::size_t WinogradConvolution::weight_gradient_values() const {
  return method_->weight_gradient_values();
}
std::int64_t WinogradConvolution::fewest_records() const {
  return static_cast<std::int64_t>(method_->fewest_records());
}
void WinogradConvolution::backward_weights(const void* x, const void* y_gradient, std::int64_t records, bool add,
                                           float* gradient, void* scratch) const {
  method_->backward_weights(x, y_gradient, static_cast<std::size_t>(records), add, gradient,
                            static_cast<float*>(scratch));
}
void WinogradConvolution::unpack_weight_gradient(const float* gradient, float* plain) const {
  method_->unpack_weight_gradient(gradient, plain);
}

}  // namespace deri
