#pragma once
// Matrices of float32 in the forms that panel products read (panel_product.hpp): as items, which for bfloat16 hold two
// rounded neighbours along the depth of the product. Only where can_multiply_panels(item).

#include <cstddef>

#include "deri/nn/panel_product.hpp"

namespace deri {

// Rows of `columns` values, `stride` values apart.
struct MatrixRows {
  const float* data;
  std::size_t stride, rows, columns;
};

// Items that hold `values` values along the depth.
inline std::size_t items_of(std::size_t values, ProductItem item) {
  return item == ProductItem::kFloat32 ? values : (values + 1) / 2;
}

// The depth runs along a row, `columns` a multiple of 32: items [rows][items_of(columns)].
void pack_rows(const MatrixRows& x, ProductItem item, float* items);

// The depth runs down the rows, `columns` a multiple of 16: items [columns / panel][items_of(rows)][panel], where
// `panel`, a multiple of 16, divides `columns`. What is missing of a pair is 0.
void pack_depth(const MatrixRows& x, ProductItem item, std::size_t panel, float* items);

// Rows of items become columns, panels of 32 of them: [ceil(rows / 32)][columns][32], filled up with zeros. `columns`
// is a multiple of 16.
void pack_turned(const MatrixRows& items, float* panels);

}  // namespace deri
