#include "deri/nn/panel_product.hpp"

#include <array>
#include <utility>

#include "deri/base/error.hpp"
#include "deri/nn/avx512.hpp"

namespace deri {

#if defined(__x86_64__)

namespace {

// With 14 rows of two vectors, 28 sums, two vectors of b and one of a fill the 32 registers: each vector that is loaded
// is used often enough for both multipliers to be busy all the time.
constexpr std::size_t kMostRows = 14;
constexpr std::size_t kVector = 16;

template <ProductItem kItem>
DERI_AVX512_INLINE __m512 multiply_add(__m512 x, __m512 y, __m512 sum) {
  if constexpr (kItem == ProductItem::kFloat32) return _mm512_fmadd_ps(x, y, sum);
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(y));
}

template <ProductItem kItem, bool kTransposed, std::size_t kRows>
DERI_AVX512 void multiply_rows(const PanelProduct& p) {
  const float *a = p.a, *b = p.b;
  const std::size_t stride = p.a_stride;
  __m512 low[kRows], high[kRows];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    low[r] = high[r] = _mm512_setzero_ps();
    _mm_prefetch(reinterpret_cast<const char*>(p.c + r * p.c_stride), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(p.c + r * p.c_stride + kVector), _MM_HINT_T0);
  }
  for (std::size_t k = 0; k < p.depth; ++k, b += kPanelColumns) {
    const __m512 b_low = _mm512_loadu_ps(b), b_high = _mm512_loadu_ps(b + kVector);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512 item = _mm512_set1_ps(kTransposed ? a[k * stride + r] : a[r * stride + k]);
      low[r] = multiply_add<kItem>(item, b_low, low[r]);
      high[r] = multiply_add<kItem>(item, b_high, high[r]);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    float* c = p.c + r * p.c_stride;
    if (p.add) {
      low[r] = _mm512_add_ps(low[r], _mm512_loadu_ps(c));
      high[r] = _mm512_add_ps(high[r], _mm512_loadu_ps(c + kVector));
    }
    _mm512_storeu_ps(c, low[r]);
    _mm512_storeu_ps(c + kVector, high[r]);
  }
}

using RowsFunction = void (*)(const PanelProduct&);
using RowsFunctions = std::array<RowsFunction, kMostRows>;  // by rows - 1

template <ProductItem kItem, bool kTransposed, std::size_t... kIndex>
constexpr RowsFunctions rows_functions(std::index_sequence<kIndex...>) {
  return {multiply_rows<kItem, kTransposed, kIndex + 1>...};
}

template <ProductItem kItem>
const RowsFunction* rows_functions(bool transposed) {
  constexpr auto kAll = std::make_index_sequence<kMostRows>();
  static constexpr RowsFunctions kPlain = rows_functions<kItem, false>(kAll);
  static constexpr RowsFunctions kTransposed = rows_functions<kItem, true>(kAll);
  return transposed ? kTransposed.data() : kPlain.data();
}

}  // namespace

bool can_multiply_panels(ProductItem item) {
  return item == ProductItem::kFloat32 ? has_avx512() : has_avx512_bfloat16();
}

void multiply_panel(const PanelProduct& product, ProductItem item) {
  const RowsFunction* functions = item == ProductItem::kFloat32
                                      ? rows_functions<ProductItem::kFloat32>(product.a_transposed)
                                      : rows_functions<ProductItem::kBfloat16Pair>(product.a_transposed);
  // About as many rows each time: with few, the multipliers would wait.
  const std::size_t parts = (product.rows + kMostRows - 1) / kMostRows;
  PanelProduct part = product;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t first = product.rows * i / parts;
    part.rows = product.rows * (i + 1) / parts - first;
    part.a = product.a + first * (product.a_transposed ? 1 : product.a_stride);
    part.c = product.c + first * product.c_stride;
    functions[part.rows - 1](part);
  }
}

#else

bool can_multiply_panels(ProductItem) {
  return false;
}
void multiply_panel(const PanelProduct&, ProductItem) {
  DERI_CHECK(false);
}

#endif

}  // namespace deri
