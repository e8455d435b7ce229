#include "deri/nn/panel_packing.hpp"

#include "deri/base/error.hpp"
#include "deri/nn/avx512.hpp"

namespace deri {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kVector = 16;

DERI_AVX512 void copy_rows(const MatrixRows& x, float* to, std::size_t to_stride) {
  for (std::size_t r = 0; r < x.rows; ++r)
    for (std::size_t c = 0; c < x.columns; c += kVector)
      _mm512_storeu_ps(to + r * to_stride + c, _mm512_loadu_ps(x.data + r * x.stride + c));
}

// Neighbours in a row.
DERI_AVX512 void pair_columns(const MatrixRows& x, float* items) {
  for (std::size_t r = 0; r < x.rows; ++r, items += x.columns / 2) {
    const float* row = x.data + r * x.stride;
    for (std::size_t c = 0; c < x.columns; c += 2 * kVector) {
      const __m512bh pairs = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + c + kVector), _mm512_loadu_ps(row + c));
      _mm512_storeu_si512(items + c / 2, reinterpret_cast<const __m512i&>(pairs));
    }
  }
}

DERI_AVX512_INLINE __m512i rounded(__m512 x) {
  const __m256bh halves = _mm512_cvtneps_pbh(x);
  return _mm512_cvtepu16_epi32(reinterpret_cast<const __m256i&>(halves));
}

// Each row with the one below.
DERI_AVX512 void pair_rows(const MatrixRows& x, float* items, std::size_t items_stride) {
  for (std::size_t r = 0; r < x.rows; r += 2, items += items_stride) {
    const float* row = x.data + r * x.stride;
    for (std::size_t c = 0; c < x.columns; c += kVector) {
      const __m512 below = r + 1 < x.rows ? _mm512_loadu_ps(row + x.stride + c) : _mm512_setzero_ps();
      const __m512i high = _mm512_slli_epi32(rounded(below), 16);
      _mm512_storeu_si512(items + c, _mm512_or_si512(rounded(_mm512_loadu_ps(row + c)), high));
    }
  }
}

DERI_AVX512_INLINE __m512 even_doubles(__m512 x, __m512 y) {
  return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
}

DERI_AVX512_INLINE __m512 odd_doubles(__m512 x, __m512 y) {
  return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
}

// 16 x 16 values: rows become columns, first within quarters of vectors, then of quarters.
DERI_AVX512_INLINE void turn(__m512 (&x)[kVector]) {
  constexpr int kEven = 0x88, kOdd = 0xdd;  // quarters 0 and 2, 1 and 3, of both
  __m512 y[kVector];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kVector; i += 2) {
    y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kVector; i += 4) {
    x[i] = even_doubles(y[i], y[i + 2]);
    x[i + 1] = odd_doubles(y[i], y[i + 2]);
    x[i + 2] = even_doubles(y[i + 1], y[i + 3]);
    x[i + 3] = odd_doubles(y[i + 1], y[i + 3]);
  }
#pragma GCC unroll 4
  for (std::size_t j = 0; j < 4; ++j) {
    const __m512 even_top = _mm512_shuffle_f32x4(x[j], x[4 + j], kEven);
    const __m512 even_bottom = _mm512_shuffle_f32x4(x[8 + j], x[12 + j], kEven);
    const __m512 odd_top = _mm512_shuffle_f32x4(x[j], x[4 + j], kOdd);
    const __m512 odd_bottom = _mm512_shuffle_f32x4(x[8 + j], x[12 + j], kOdd);
    y[j] = _mm512_shuffle_f32x4(even_top, even_bottom, kEven);
    y[4 + j] = _mm512_shuffle_f32x4(odd_top, odd_bottom, kEven);
    y[8 + j] = _mm512_shuffle_f32x4(even_top, even_bottom, kOdd);
    y[12 + j] = _mm512_shuffle_f32x4(odd_top, odd_bottom, kOdd);
  }
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kVector; ++i) x[i] = y[i];
}

DERI_AVX512 void turn_block(const float* from, std::size_t stride, std::size_t rows, float* to) {
  __m512 block[kVector];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kVector; ++r)
    block[r] = r < rows ? _mm512_loadu_ps(from + r * stride) : _mm512_setzero_ps();
  turn(block);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kVector; ++r) _mm512_storeu_ps(to + r * kPanelColumns, block[r]);
}

}  // namespace

void pack_rows(const MatrixRows& x, ProductItem item, float* items) {
  if (item == ProductItem::kFloat32)
    copy_rows(x, items, x.columns);
  else
    pair_columns(x, items);
}

void pack_depth(const MatrixRows& x, ProductItem item, std::size_t panel, float* items) {
  for (std::size_t first = 0; first < x.columns; first += panel, items += items_of(x.rows, item) * panel) {
    const MatrixRows part{x.data + first, x.stride, x.rows, panel};
    if (item == ProductItem::kFloat32)
      copy_rows(part, items, panel);
    else
      pair_rows(part, items, panel);
  }
}

void pack_turned(const MatrixRows& items, float* panels) {
  for (std::size_t first = 0; first < items.rows; first += kPanelColumns, panels += items.columns * kPanelColumns)
    for (std::size_t half = 0; half < kPanelColumns; half += kVector) {
      const std::size_t row = first + half, rows = row < items.rows ? items.rows - row : 0;
      for (std::size_t c = 0; c < items.columns; c += kVector)
        turn_block(items.data + row * items.stride + c, items.stride, rows, panels + c * kPanelColumns + half);
    }
}

#else

void pack_rows(const MatrixRows&, ProductItem, float*) {
  DERI_CHECK(false);
}
void pack_depth(const MatrixRows&, ProductItem, std::size_t, float*) {
  DERI_CHECK(false);
}
void pack_turned(const MatrixRows&, float*) {
  DERI_CHECK(false);
}

#endif

}  // namespace deri
