// A trained GPT of 85,000 parameters with every tensor it computes on its way (llm-viz): what GPT-2 without
// cross-attention must compute, too.

#include <cstring>

#include "testing/testing.hpp"
#include <torch/torch.h>

#include "deri/base/base64.hpp"
#include "deri/base/json.hpp"
#include "deri/nn/gpt2.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

Json load_nano(const std::string& file) {
  return load_json(shared_dir() / "parity" / "gpt-nano" / file);
}

Tensor stored_tensor(const Json& entry) {
  const std::vector<std::uint8_t> bytes = decode_base64(entry["data"].get<std::string>(), "gpt-nano");
  const Tensor tensor = torch::empty(entry["shape"].get<std::vector<std::int64_t>>());
  DERI_CHECK(bytes.size() == tensor.nbytes());
  std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

// The weights of its linear layers lie [out, in], GPT-2's [in, out].
void load_weights(Gpt2& network, const Json& model) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : network.named_parameters()) {
    const std::string& name = parameter.key();
    const Tensor stored = stored_tensor(model.at(name));
    const bool linear =
        stored.dim() == 2 && name.find("wte") == std::string::npos && name.find("wpe") == std::string::npos;
    parameter.value().copy_(linear ? stored.t() : stored);
  }
}

// Of `name`: |found - expected| <= 1e-5 of the greatest, where the expected value is finite.
void expect_alike(const std::string& name, const Tensor& found, const Tensor& expected) {
  ASSERT_EQ(found.numel(), expected.numel()) << name;
  const Tensor finite = expected.isfinite();
  const Tensor difference = (found.reshape(expected.sizes()) - expected).masked_select(finite).abs();
  const double scale = expected.masked_select(finite).abs().max().item<double>();
  EXPECT_LE(difference.max().item<double>(), 1e-5 * scale) << name;
}

TEST(GptNano, EveryIntermediateTensor) {
  const Json model = load_nano("gpt-nano-sort-model.json"), figures = load_nano("gpt-nano-sort-t0-partials.json");
  Gpt2 network({.vocabulary = 3, .positions = 11, .width = 48, .layers = 3, .heads = 3, .cross_attention = false});
  load_weights(network, model);
  network.eval();
  std::map<std::string, Tensor> seen;
  network.observe([&](const std::string& name, const Tensor& value) { seen[name] = value; });
  const torch::NoGradGuard no_grad;
  network.forward(stored_tensor(figures["idx"]).to(torch::kInt64), {}, {});

  // What the figures call it, and what it is called here.
  const std::vector<std::pair<std::string, std::string>> names{{"x", "embeddings"},
                                                               {"ln1", "h.0.ln_1"},
                                                               {"q", "h.0.attn.query"},
                                                               {"k", "h.0.attn.key"},
                                                               {"v", "h.0.attn.value"},
                                                               {"att", "h.0.attn.scores"},
                                                               {"attSm", "h.0.attn.weights"},
                                                               {"y", "h.0.attn.context"},
                                                               {"yProj", "h.0.attn"},
                                                               {"ln2", "h.0.ln_2"},
                                                               {"fc", "h.0.mlp.c_fc"},
                                                               {"gelu", "h.0.mlp.gelu"},
                                                               {"mlp", "h.0.mlp"},
                                                               {"mlpResid", "h.0"},
                                                               {"block0", "h.0"},
                                                               {"block1", "h.1"},
                                                               {"block2", "h.2"},
                                                               {"ln_f", "ln_f"}};
  for (const auto& [theirs, ours] : names) {
    ASSERT_TRUE(seen.contains(ours)) << ours;
    expect_alike(theirs, seen[ours], stored_tensor(figures[theirs]));
  }
  expect_alike("attnResid", seen["embeddings"] + seen["h.0.attn"], stored_tensor(figures["attnResid"]));
  // Its head is not tied to the embeddings.
  const Tensor logits = seen["ln_f"].matmul(stored_tensor(model["lm_head.weight"]).t());
  expect_alike("lm_head", logits, stored_tensor(figures["lm_head"]));
  expect_alike("probs", logits.softmax(-1), stored_tensor(figures["probs"]));
}

}  // namespace
}  // namespace deri::testing
