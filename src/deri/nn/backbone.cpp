#include "deri/nn/backbone.hpp"

#include <fmt/ranges.h>

#include "deri/base/config.hpp"
#include "deri/nn/resnet1d.hpp"
#include "deri/nn/vit1d.hpp"

namespace deri {
namespace {

struct NamedResNet {
  const char* name;
  ResNet1dOptions options;
};

struct NamedVit {
  const char* name;
  Vit1dOptions options;
};

const std::vector<NamedResNet>& resnets() {
  static const std::vector<NamedResNet> table = {
      {"resnet18", {.blocks = {2, 2, 2, 2}, .bottleneck = false}},
      {"resnet34", {.blocks = {3, 4, 6, 3}, .bottleneck = false}},
      {"resnet50", {.blocks = {3, 4, 6, 3}, .bottleneck = true}},
      {"resnet101", {.blocks = {3, 4, 23, 3}, .bottleneck = true}},
  };
  return table;
}

const std::vector<NamedVit>& vits() {
  static const std::vector<NamedVit> table = {
      {"vit_tiny", {.width = 192, .depth = 12, .heads = 3}},
      {"vit_small", {.width = 384, .depth = 12, .heads = 6}},
      {"vit_middle", {.width = 512, .depth = 12, .heads = 8}},
      {"vit_base", {.width = 768, .depth = 12, .heads = 12}},
  };
  return table;
}

}  // namespace

const std::vector<std::string>& backbone_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedResNet& entry : resnets()) all.emplace_back(entry.name);
    for (const NamedVit& entry : vits()) all.emplace_back(entry.name);
    return all;
  }();
  return names;
}

std::shared_ptr<Backbone> make_backbone(const std::string& name, std::int64_t leads, std::int64_t samples) {
  for (const NamedResNet& entry : resnets())
    if (name == entry.name) return std::make_shared<ResNet1d>(leads, entry.options);
  for (const NamedVit& entry : vits())
    if (name == entry.name) return std::make_shared<Vit1d>(leads, samples, entry.options);
  const std::string nearest = nearest_word(name, backbone_names());
  if (!nearest.empty()) fail("unknown backbone \"{}\": did you mean \"{}\"?", name, nearest);
  fail("unknown backbone \"{}\": choose one of {}", name, fmt::join(backbone_names(), ", "));
}

}  // namespace deri
