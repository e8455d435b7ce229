#include "deri/nn/fused_resnet.hpp"

#include <map>
#include <memory>
#include <mutex>

#include "deri/nn/fused_resnet_pass.hpp"

namespace deri {

using torch::Tensor;

// Plans and memory of one network, which its steps use again.
class FusedResNet::Engine {
 public:
  explicit Engine(std::vector<FusedBlock> blocks) : blocks_(std::move(blocks)) {}

  fused::Plan& plan(std::int64_t length, bool bfloat16) {
    const std::pair key(length, bfloat16);
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    return plans_.emplace(key, fused::make_plan(blocks_, length, bfloat16)).first->second;
  }

  std::unique_ptr<HugeBuffer> take_memory() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<HugeBuffer>();
    auto memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }

  void give_back(std::unique_ptr<HugeBuffer> memory) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(memory));
  }

  // Weight, norm's weight and norm's bias of every layer, in the order of a plan's layers.
  std::vector<Tensor> parameters() const {
    std::vector<Tensor> all;
    const auto add = [&](const NormedConvolution& layer) {
      all.insert(all.end(), {layer.convolution->weight, layer.norm->weight, layer.norm->bias});
    };
    for (const FusedBlock& block : blocks_) {
      for (const NormedConvolution& layer : block.chain) add(layer);
      if (block.shortcut) add(*block.shortcut);
    }
    return all;
  }

 private:
  std::vector<FusedBlock> blocks_;
  std::map<std::pair<std::int64_t, bool>, fused::Plan> plans_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<HugeBuffer>> free_;
};

namespace {

// A pass whose backward pass may come: its memory goes back to the engine when the graph forgets it.
class PendingPass : public torch::CustomClassHolder {
 public:
  PendingPass(std::shared_ptr<FusedResNet::Engine> engine, const Tensor& ecg, bool bfloat16, bool training)
      : engine_(std::move(engine)), memory_(engine_->take_memory()) {
    fused::Plan& plan = engine_->plan(ecg.size(2), bfloat16);
    if (bfloat16)
      half_.emplace(plan, ecg, training);
    else
      single_.emplace(plan, ecg, training);
  }
  ~PendingPass() override { engine_->give_back(std::move(memory_)); }
  PendingPass(const PendingPass&) = delete;
  PendingPass& operator=(const PendingPass&) = delete;

  Tensor forward() { return half_ ? half_->forward(*memory_) : single_->forward(*memory_); }
  std::vector<Tensor> backward(const Tensor& output_gradient) {
    auto memory = engine_->take_memory();
    auto gradients = half_ ? half_->backward(output_gradient, *memory) : single_->backward(output_gradient, *memory);
    engine_->give_back(std::move(memory));
    return gradients;
  }

 private:
  std::shared_ptr<FusedResNet::Engine> engine_;
  std::unique_ptr<HugeBuffer> memory_;
  std::optional<fused::Pass<float>> single_;
  std::optional<fused::Pass<BFloat16>> half_;
};

class FusedResNetFunction : public torch::autograd::Function<FusedResNetFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, at::TensorList parameters,
                        const c10::intrusive_ptr<PendingPass>& pass) {
    context->save_for_backward(parameters.vec());  // for torch's check that they have not changed
    context->saved_data["pass"] = c10::IValue::make_capsule(pass);
    return pass->forward();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    context->get_saved_variables();
    const auto pass = c10::static_intrusive_pointer_cast<PendingPass>(context->saved_data["pass"].toCapsule());
    auto result = pass->backward(gradients[0]);
    result.emplace_back();  // for the pass itself
    return result;
  }
};

}  // namespace

FusedResNet::FusedResNet(std::vector<FusedBlock> blocks) : engine_(std::make_shared<Engine>(std::move(blocks))) {}
FusedResNet::~FusedResNet() = default;

Tensor FusedResNet::forward(const Tensor& ecg, torch::ScalarType type, bool training) {
  const auto pass = c10::make_intrusive<PendingPass>(engine_, ecg.to(torch::kFloat32).contiguous(),
                                                     type == torch::kBFloat16, training);
  if (!training || !torch::GradMode::is_enabled()) return pass->forward();
  return FusedResNetFunction::apply(at::TensorList(engine_->parameters()), pass);
}

}  // namespace deri
