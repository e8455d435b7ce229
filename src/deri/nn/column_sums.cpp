#include "deri/nn/column_sums.hpp"

#include "deri/base/vector_clones.hpp"

namespace deri {
namespace {

template <int W>
DERI_INLINE void add_some(const float* x, float* sums, BFloat16* rounded) {
  Floats<W> value, sum;
  load<W>(x, value);
  load<W>(sums, sum);
  sum += value;
  store<W>(sum, sums);
  if (rounded != nullptr) store<W>(value, rounded);
}

}  // namespace

DERI_WIDE_VECTOR_CLONES void add_rows(const float* x, std::int64_t rows, std::int64_t columns, float* sums,
                                      BFloat16* rounded) {
  constexpr int kLanes = 16;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * columns;
    BFloat16* rounded_row = rounded == nullptr ? nullptr : rounded + r * columns;
    std::int64_t c = 0;
    for (; c + kLanes <= columns; c += kLanes)
      add_some<kLanes>(row + c, sums + c, rounded_row == nullptr ? nullptr : rounded_row + c);
    for (; c < columns; ++c) add_some<1>(row + c, sums + c, rounded_row == nullptr ? nullptr : rounded_row + c);
  }
}

}  // namespace deri
