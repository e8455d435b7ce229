#include "deri/nn/skip_initialisation.hpp"

#include <torch/library.h>

namespace deri {
namespace {

// libtorch keeps this dispatch key for modes that nothing of its own uses.
constexpr auto kMode = c10::DispatchKey::TESTING_ONLY_GenericMode;

// Takes an operator's arguments off the stack but for the first, the tensor, which becomes its result.
void leave_as_it_is(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  torch::jit::drop(*stack, op.schema().arguments().size() - 1);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, m) {
  m.fallback(torch::CppFunction::makeFallthrough());
}

TORCH_LIBRARY_IMPL(aten, TESTING_ONLY_GenericMode, m) {
  m.impl("uniform_", torch::CppFunction::makeFromBoxedFunction<&leave_as_it_is>());
  m.impl("normal_", torch::CppFunction::makeFromBoxedFunction<&leave_as_it_is>());
}

}  // namespace

SkipInitialisation::SkipInitialisation() : guard_(kMode) {}

}  // namespace deri
