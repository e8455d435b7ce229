#include "deri/nn/panel_packing.hpp"

#include <bit>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace deri {
namespace {

// Whole numbers that a bfloat16 holds exactly, in rows with a gap between them.
class PanelPacking : public ::testing::TestWithParam<ProductItem> {
 protected:
  void SetUp() override {
    if (!can_multiply_panels(GetParam())) GTEST_SKIP() << "not on this machine";
  }

  MatrixRows matrix(std::size_t rows, std::size_t columns) {
    stride_ = columns + 3;
    values_.resize(rows * stride_);
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = static_cast<float>(i * 37 % 251) - 125;
    return {values_.data(), stride_, rows, columns};
  }

  float at(std::size_t r, std::size_t c) const { return values_[r * stride_ + c]; }

  // The item of one value, or of it and the next along the depth.
  float item(float first, float second) const {
    if (GetParam() == ProductItem::kFloat32) return first;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(first) >> 16 | std::bit_cast<std::uint32_t>(second));
  }

  std::size_t step() const { return GetParam() == ProductItem::kFloat32 ? 1 : 2; }

  std::vector<float> values_;
  std::size_t stride_ = 0;
};

// Bits: a pair may look like any float.
std::uint32_t bits_of(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

TEST_P(PanelPacking, RowsKeepTheirOrder) {
  const MatrixRows x = matrix(5, 64);
  const std::size_t items = items_of(64, GetParam());
  std::vector<float> packed(5 * items);
  pack_rows(x, GetParam(), packed.data());
  for (std::size_t r = 0; r < 5; ++r)
    for (std::size_t k = 0; k < items; ++k)
      EXPECT_EQ(bits_of(packed[r * items + k]), bits_of(item(at(r, k * step()), at(r, k * step() + 1))))
          << r << ' ' << k;
}

TEST_P(PanelPacking, DepthRunsDownTheRows) {
  for (const std::size_t rows : {1, 2, 7})
    for (const std::size_t panel : {16, 32, 96}) {
      const MatrixRows x = matrix(rows, 96);
      const std::size_t depth = items_of(rows, GetParam());
      std::vector<float> packed(depth * 96);
      pack_depth(x, GetParam(), panel, packed.data());
      for (std::size_t k = 0; k < depth; ++k)
        for (std::size_t c = 0; c < 96; ++c) {
          const std::size_t r = k * step();
          const float expected = item(at(r, c), r + 1 < rows ? at(r + 1, c) : 0);
          EXPECT_EQ(bits_of(packed[c / panel * depth * panel + k * panel + c % panel]), bits_of(expected));
        }
    }
}

TEST_P(PanelPacking, TurnedRowsAreColumns) {
  for (const std::size_t rows : {1, 16, 17, 33, 64}) {
    const MatrixRows x = matrix(rows, 48);
    const std::size_t panels = (rows + 31) / 32;
    std::vector<float> packed(panels * 48 * 32, 7);
    pack_turned(x, packed.data());
    for (std::size_t r = 0; r < panels * 32; ++r)
      for (std::size_t c = 0; c < 48; ++c)
        EXPECT_EQ(packed[r / 32 * 48 * 32 + c * 32 + r % 32], r < rows ? at(r, c) : 0) << r << ' ' << c;
  }
}

INSTANTIATE_TEST_SUITE_P(Items, PanelPacking, ::testing::Values(ProductItem::kFloat32, ProductItem::kBfloat16Pair));

}  // namespace
}  // namespace deri
