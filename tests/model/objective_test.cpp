#include "deri/model/objective.hpp"

#include <cmath>
#include <limits>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

// The definition, with plain loops over an explicit similarity matrix.
double clip_by_hand(const std::vector<std::vector<double>>& s, const std::vector<std::vector<bool>>& same) {
  const std::size_t n = s.size();
  double loss = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double row = 0, column = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if (i != j && same[i][j]) continue;
      row += std::exp(s[i][j]);
      column += std::exp(s[j][i]);
    }
    loss += std::log(row) + std::log(column) - 2 * s[i][i];
  }
  return loss / static_cast<double>(n);
}

TEST(Clip, TwoOrthogonalPairs) {
  const Tensor x = 3 * torch::eye(2);  // only directions count
  EXPECT_NEAR(clip(x, torch::eye(2), 1).item<double>(), 2 * std::log(1 + std::exp(-1)), 1e-6);
  EXPECT_NEAR(clip(x, torch::eye(2), 0.5).item<double>(), 2 * std::log(1 + std::exp(-2)), 1e-6);
}

TEST(Clip, DuplicatesLeaveTheDenominators) {
  // Unit vectors in the plane, so that the similarities are cosines of differences.
  const std::vector<double> a = {0.0, 0.7, 2.0}, b = {0.2, 1.0, 1.5};
  std::vector<std::vector<double>> s(3, std::vector<double>(3));
  Tensor x = torch::empty({3, 2}), y = torch::empty({3, 2});
  for (std::size_t i = 0; i < 3; ++i) {
    const auto row = static_cast<std::int64_t>(i);
    x[row][0] = std::cos(a[i]);
    x[row][1] = std::sin(a[i]);
    y[row][0] = std::cos(b[i]);
    y[row][1] = std::sin(b[i]);
    for (std::size_t j = 0; j < 3; ++j) s[i][j] = std::cos(a[i] - b[j]) / 0.5;
  }
  std::vector<std::vector<bool>> same = {{true, false, true}, {false, true, false}, {true, false, true}};
  Tensor mask = torch::eye(3, torch::kBool);
  EXPECT_NEAR(clip(x, y, 0.5, mask).item<double>(), clip(x, y, 0.5).item<double>(), 1e-6)
      << "the diagonal is never excluded";
  mask[0][2] = mask[2][0] = true;
  EXPECT_NEAR(clip(x, y, 0.5, mask).item<double>(), clip_by_hand(s, same), 1e-5);
  same[0][2] = same[2][0] = false;
  EXPECT_NEAR(clip(x, y, 0.5).item<double>(), clip_by_hand(s, same), 1e-5);
}

TEST(Clip, AllDuplicatesHaveNothingToLearn) {
  Tensor x = torch::rand({3, 4}, torch::requires_grad());
  const Tensor loss = clip(x, torch::rand({3, 4}), 0.07, torch::ones({3, 3}, torch::kBool));
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(x.grad().abs().max().item<double>(), 0);
}

TEST(Clip, FiniteAtTinyTemperatureAndZeroVectors) {
  torch::manual_seed(1);
  Tensor x = torch::randn({4, 3});
  x[0].zero_();
  x.set_requires_grad(true);
  const Tensor loss = clip(x, torch::randn({4, 3}), 1e-4);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  loss.backward();
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
}

TEST(Clip, Float32FromBfloat16) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({4, 8}).to(torch::kBFloat16);
  const Tensor y = torch::randn({4, 8}).to(torch::kBFloat16);
  const Tensor loss = clip(x, y, 0.07);
  EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
  EXPECT_EQ(loss.item<double>(), clip(x.to(torch::kFloat32), y.to(torch::kFloat32), 0.07).item<double>());
}

TEST(Clip, GradientEqualsFiniteDifferences) {
  torch::manual_seed(1);
  constexpr double kStep = 1e-6;
  const auto options = torch::dtype(torch::kFloat64);
  Tensor x = torch::randn({3, 4}, options);
  const Tensor y = torch::randn({3, 4}, options);
  Tensor same = torch::eye(3, torch::kBool);
  same[0][1] = same[1][0] = true;
  x.set_requires_grad(true);
  clip(x, y, 0.3, same).backward();
  const torch::NoGradGuard no_grad;
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 4; ++j) {
      Tensor up = x.detach().clone(), down = x.detach().clone();
      up[i][j] += kStep;
      down[i][j] -= kStep;
      const double slope = (clip(up, y, 0.3, same) - clip(down, y, 0.3, same)).item<double>() / (2 * kStep);
      EXPECT_NEAR(x.grad()[i][j].item<double>(), slope, 1e-7);
    }
}

TEST(TotalLoss, WeighsTerms) {
  ObjectiveConfig objective;
  objective.cma = 2;
  objective.dec_text = 0.5;
  const LossTerms terms = {{"cma", torch::tensor(3.0)}, {"dec_text", torch::tensor(4.0)}};
  EXPECT_NEAR(total_loss(terms, objective).item<double>(), 8, 1e-6);
}

TEST(TotalLoss, NoTermIsAnError) {
  EXPECT_DERI_ERROR(total_loss({}, {}), HasSubstr("weight 0"));
}

TEST(AddClipTerm, HonoursWeightAndDuplicateSwitch) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({3, 4}), y = torch::randn({3, 4});
  const Tensor all_same = torch::ones({3, 3}, torch::kBool);
  ObjectiveConfig objective;
  LossTerms terms;
  objective.uma = 0;
  add_clip_term(terms, "uma", x, y, objective, all_same);
  EXPECT_TRUE(terms.empty());
  add_clip_term(terms, "cma", x, y, objective, all_same);
  objective.exclude_duplicates = false;
  add_clip_term(terms, "dec_ecg", x, y, objective, all_same);
  ASSERT_EQ(terms.size(), 2U);
  EXPECT_EQ(terms[0].second.item<double>(), 0);
  EXPECT_GT(terms[1].second.item<double>(), 0.1);
}

TEST(ValidateObjective, NamesTheKey) {
  ObjectiveConfig objective;
  validate(objective);
  objective.dec_ecg = -1;
  EXPECT_DERI_ERROR(validate(objective), HasSubstr("objective.dec_ecg"));
  objective = {};
  objective.temperature = 0;
  EXPECT_DERI_ERROR(validate(objective), HasSubstr("temperature"));
  objective = {};
  objective.cma = objective.cma_mix = objective.uma = objective.dec_ecg = objective.dec_text = 0;
  EXPECT_DERI_ERROR(validate(objective), HasSubstr("every term has weight 0"));
  objective.cma = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DERI_ERROR(validate(objective), HasSubstr("objective.cma"));
}

}  // namespace
}  // namespace deri
