#include "deri/nn/attention_pool.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using torch::Tensor;

TEST(MultiheadAttention, EqualsLibtorch) {
  torch::manual_seed(1);
  MultiheadAttention ours(16, 4);
  torch::nn::MultiheadAttention theirs(torch::nn::MultiheadAttentionOptions(16, 4));
  const torch::NoGradGuard no_grad;
  for (auto& entry : theirs->named_parameters()) entry.value().copy_(ours.named_parameters()[entry.key()].normal_());
  const Tensor query = torch::randn({3, 2, 16});
  const Tensor memory = torch::randn({3, 7, 16});
  // libtorch's module takes time first.
  const auto reference = [&](const Tensor& q, const Tensor& m) {
    const Tensor by_time = m.transpose(0, 1);
    return std::get<0>(theirs->forward(q.transpose(0, 1), by_time, by_time)).transpose(0, 1);
  };
  EXPECT_TRUE(torch::allclose(ours.forward(query, memory), reference(query, memory), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(ours.forward(memory), reference(memory, memory), 1e-4, 1e-5));
}

TEST(SeparatorPool, KeepsTokensAndLeavesTheProjectionUnused) {
  torch::manual_seed(1);
  SeparatorPool pool(5, 8, 2);
  const Tensor out = pool.forward(torch::randn({3, 5, 8}));
  EXPECT_EQ(out.sizes(), (std::vector<std::int64_t>{3, 5, 8}));
  out.square().sum().backward();
  for (const auto& entry : pool.named_parameters())
    EXPECT_EQ(entry.value().grad().defined(), !entry.key().starts_with("c_proj")) << entry.key();
}

TEST(SeparatorPool, OtherTokenCountIsABug) {
  SeparatorPool pool(5, 8, 2);
  EXPECT_THROW(pool.forward(torch::randn({3, 4, 8})), InternalError);
}

TEST(ClassTokenPool, OneVectorPerRecordWhateverTheOthersAre) {
  torch::manual_seed(1);
  ClassTokenPool pool(5, 8, 2);
  const Tensor x = torch::randn({3, 5, 8});
  const Tensor out = pool.forward(x);
  EXPECT_EQ(out.sizes(), (std::vector<std::int64_t>{3, 8}));
  EXPECT_TRUE(torch::allclose(pool.forward(x.slice(0, 1, 2)), out.slice(0, 1, 2), 1e-5, 1e-6));
  out.square().sum().backward();
  for (const auto& entry : pool.named_parameters()) EXPECT_TRUE(entry.value().grad().defined()) << entry.key();
}

}  // namespace
}  // namespace deri
