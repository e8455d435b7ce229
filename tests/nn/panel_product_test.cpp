#include "deri/nn/panel_product.hpp"

#include <bit>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace deri {
namespace {

// Whole numbers that a bfloat16 and every sum of their products hold exactly: the result has one right value.
class PanelProducts : public ::testing::TestWithParam<ProductItem> {
 protected:
  void SetUp() override {
    if (!can_multiply_panels(GetParam())) GTEST_SKIP() << "not on this machine";
  }

  std::size_t values() const { return GetParam() == ProductItem::kFloat32 ? 1 : 2; }

  // An item, whose values are written to `plain`.
  float item(int* plain) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < values(); ++i) {
      plain[i] = whole_(random_);
      bits |= std::bit_cast<std::uint32_t>(static_cast<float>(plain[i])) >> (values() == 2 && i == 0 ? 16 : 0);
    }
    return std::bit_cast<float>(bits);
  }

  std::mt19937 random_{3};
  std::uniform_int_distribution<int> whole_{-9, 9};
};

TEST_P(PanelProducts, EqualTheSumsOfProducts) {
  for (const std::size_t rows : {1, 2, 13, 14, 15, 29, 64})
    for (const std::size_t depth : {1, 5, 64})
      for (const bool transposed : {false, true})
        for (const bool add : {false, true}) {
          const std::size_t a_stride = (transposed ? rows : depth) + 3, c_stride = kPanelColumns + 5, n = values();
          std::vector<float> a(a_stride * (transposed ? depth : rows)), b(depth * kPanelColumns),
              c(rows * c_stride, 0.5F);
          std::vector<int> a_plain(a.size() * n), b_plain(b.size() * n);
          for (std::size_t i = 0; i < a.size(); ++i) a[i] = item(a_plain.data() + i * n);
          for (std::size_t i = 0; i < b.size(); ++i) b[i] = item(b_plain.data() + i * n);
          multiply_panel({.a = a.data(),
                          .a_stride = a_stride,
                          .a_transposed = transposed,
                          .b = b.data(),
                          .depth = depth,
                          .c = c.data(),
                          .c_stride = c_stride,
                          .rows = rows,
                          .add = add},
                         GetParam());
          for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t j = 0; j < c_stride; ++j) {
              int sum = 0;
              for (std::size_t k = 0; k < depth && j < kPanelColumns; ++k)
                for (std::size_t i = 0; i < n; ++i)
                  sum += a_plain[(transposed ? k * a_stride + r : r * a_stride + k) * n + i] *
                         b_plain[(k * kPanelColumns + j) * n + i];
              const float before = add || j >= kPanelColumns ? 0.5F : 0.0F;
              ASSERT_EQ(c[r * c_stride + j], static_cast<float>(sum) + before)
                  << "row " << r << " of " << rows << ", column " << j << ", depth " << depth;
            }
        }
}

INSTANTIATE_TEST_SUITE_P(Items, PanelProducts, ::testing::Values(ProductItem::kFloat32, ProductItem::kBfloat16Pair));

}  // namespace
}  // namespace deri
