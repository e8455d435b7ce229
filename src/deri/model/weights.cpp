#include "deri/model/weights.hpp"

#include <cstring>

#include <fmt/format.h>
#include <torch/serialize.h>
#include <xxhash.h>

#include "deri/base/error.hpp"
#include "deri/base/files.hpp"
#include "deri/base/safetensors.hpp"

namespace deri {
namespace {

const std::vector<std::pair<std::string, torch::ScalarType>>& dtypes() {
  static const std::vector<std::pair<std::string, torch::ScalarType>> kTypes = {
      {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16}, {"F64", torch::kFloat64},
      {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},     {"I8", torch::kInt8},
      {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};
  return kTypes;
}

std::string dtype_name(torch::ScalarType type) {
  for (const auto& [name, known] : dtypes())
    if (known == type) return name;
  fail("tensors of type {} cannot be saved as safetensors", c10::toString(type));
}

torch::ScalarType dtype_of(const std::string& name, const std::string& file) {
  for (const auto& [known, type] : dtypes())
    if (known == name) return type;
  fail("{}: tensors of type {} are not read", file, name);
}

std::map<std::string, torch::Tensor> load_safetensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<const SafetensorsFile>(path);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, view] : file->tensors()) {
    const torch::ScalarType type = dtype_of(view.dtype, path.string());
    const bool aligned = reinterpret_cast<std::uintptr_t>(view.bytes.data()) % c10::elementSize(type) == 0;
    if (aligned && !view.bytes.empty()) {
      auto* data = const_cast<std::byte*>(view.bytes.data());
      tensors.emplace(name, torch::from_blob(
                                data, view.shape, [file](void*) {}, type));
      continue;
    }
    torch::Tensor copy = torch::empty(view.shape, type);
    if (!view.bytes.empty()) std::memcpy(copy.data_ptr(), view.bytes.data(), view.bytes.size());
    tensors.emplace(name, std::move(copy));
  }
  return tensors;
}

std::map<std::string, torch::Tensor> load_pickle(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, std::uint64_t{1} << 34);
  std::map<std::string, torch::Tensor> tensors;
  try {
    const c10::IValue value = torch::pickle_load(std::vector<char>(bytes.begin(), bytes.end()));
    for (const auto& entry : value.toGenericDict())
      if (entry.value().isTensor()) tensors.emplace(entry.key().toStringRef(), entry.value().toTensor());
  } catch (const std::exception&) {  // c10::Error, or std::bad_alloc from a damaged archive
    fail("{}: not a PyTorch state dictionary in zip format (torch >= 1.6), or damaged", path.string());
  }
  return tensors;
}

// Throws Error unless every tensor of `targets` is there with its shape and, without `allow_extra`, nothing else.
void check_tensors(const NamedTensors& targets, const std::map<std::string, torch::Tensor>& tensors,
                   const std::string& source, bool allow_extra) {
  for (const auto& [name, target] : targets) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      fail("{}: the tensor '{}' is missing: these weights are of another model", source, name);
    if (found->second.sizes() != target.sizes())
      fail("{}: the tensor '{}' has shape {}, the model needs {}", source, name, c10::str(found->second.sizes()),
           c10::str(target.sizes()));
  }
  if (allow_extra || tensors.size() == targets.size()) return;
  std::map<std::string, torch::Tensor> extra = tensors;
  for (const auto& entry : targets) extra.erase(entry.first);
  fail("{}: the tensor '{}' is not part of this model", source, extra.begin()->first);
}

}  // namespace

NamedTensors module_tensors(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& entry : module.named_parameters()) tensors.emplace_back(entry.key(), entry.value());
  for (const auto& entry : module.named_buffers()) tensors.emplace_back(entry.key(), entry.value());
  return tensors;
}

std::string weights_fingerprint(const torch::nn::Module& module) {
  std::uint64_t hash = 0;
  for (const auto& [name, tensor] : module_tensors(module)) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    const std::string what = fmt::format("{} {}", name, c10::str(plain.sizes()));
    hash = XXH3_64bits_withSeed(what.data(), what.size(), hash);
    hash = XXH3_64bits_withSeed(plain.data_ptr(), plain.nbytes(), hash);
  }
  return fmt::format("{:016x}", hash);
}

void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata) {
  NamedTensors kept_alive;
  std::vector<std::pair<std::string, TensorView>> views;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
    kept_alive.emplace_back(name, plain);
    views.emplace_back(name, TensorView{dtype_name(plain.scalar_type()),
                                        plain.sizes().vec(),
                                        {static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()}});
  }
  write_safetensors(path, views, metadata);
}

std::map<std::string, torch::Tensor> load_tensors(const std::filesystem::path& path) {
  return path.extension() == ".safetensors" ? load_safetensors(path) : load_pickle(path);
}

void assign_tensors(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& tensors,
                    const std::string& source, bool allow_extra) {
  const torch::NoGradGuard no_grad;
  const NamedTensors targets = module_tensors(module);
  check_tensors(targets, tensors, source, allow_extra);
  for (const auto& [name, target] : targets) target.detach().copy_(tensors.at(name));
}

void share_tensors(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& tensors,
                   const std::string& source) {
  const NamedTensors targets = module_tensors(module);
  check_tensors(targets, tensors, source, /*allow_extra=*/false);
  for (const auto& [name, target] : targets) target.set_data(tensors.at(name).to(target.scalar_type()));
}

}  // namespace deri
