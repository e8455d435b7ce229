#pragma once
// Tensors on disk ↔ tensors of a module, by name.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

namespace deri {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Parameters and buffers of a module under their full names, parameters first.
NamedTensors module_tensors(const torch::nn::Module& module);

// A short text that stands for the names, shapes and values of a module's tensors: equal for equal ones.
std::string weights_fingerprint(const torch::nn::Module& module);

// Writes tensors (moved to the CPU, made contiguous) as safetensors. Throws Error.
void save_tensors(const std::filesystem::path& path, const NamedTensors& tensors,
                  const std::map<std::string, std::string>& metadata = {});

// The tensors of a .safetensors file, or of a PyTorch state dictionary saved as .bin or .pt (zip format). Those of a
// .safetensors file lie in the file, which stays mapped while one of them lives: what nobody looks at is not read, and
// nothing may be written to them. Throws Error if the file is damaged or of another kind.
std::map<std::string, torch::Tensor> load_tensors(const std::filesystem::path& path);

// Copies `tensors` into the parameters and buffers of `module`. Every one of the module must be there with its shape;
// `source` (a file's name) begins the message otherwise. With `allow_extra`, names the module does not have are passed
// over. Throws Error before anything was copied.
void assign_tensors(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& tensors,
                    const std::string& source, bool allow_extra = false);

// The same without copies, and without names that the module does not have: parameters and buffers are `tensors`
// themselves, so that a file of load_tensors() stays mapped and the module cannot be trained.
void share_tensors(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& tensors,
                   const std::string& source);

}  // namespace deri
