#pragma once
// Matrix products of one thread on matrices that stay in its core's cache, for machines with AVX-512. The right matrix
// lies in panels of 32 columns, so that a panel's part of some depth is read from one end to the other.

#include <cstddef>

namespace deri {

inline constexpr std::size_t kPanelColumns = 32;

// An item is what one step of depth multiplies, 32 bits: a float, or two bfloat16 whose products are added.
enum class ProductItem { kFloat32, kBfloat16Pair };

// c[r][j] (+)= sum over k < depth of a(r, k) * b[k][j], for one panel: j < 32.
struct PanelProduct {
  const float* a;  // items; a(r, k) is a[r * a_stride + k], or a[k * a_stride + r] if transposed
  std::size_t a_stride;
  bool a_transposed;
  const float* b;  // items [depth][32]
  std::size_t depth;
  float* c;
  std::size_t c_stride;
  std::size_t rows;
  bool add;  // to what c holds
};

// Whether this machine can.
bool can_multiply_panels(ProductItem item);

void multiply_panel(const PanelProduct& product, ProductItem item);

}  // namespace deri
