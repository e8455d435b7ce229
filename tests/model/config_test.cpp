#include "deri/model/config.hpp"

#include <functional>
#include <limits>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

TEST(ValidateModel, DefaultsAreThePublishedModel) {
  validate(ModelConfig{});
}

struct BadSetting {
  const char* message;  // what the error must say
  std::function<void(ModelConfig&)> spoil;
};

class ValidateModel : public ::testing::TestWithParam<BadSetting> {};

TEST_P(ValidateModel, NamesTheKey) {
  ModelConfig config;
  GetParam().spoil(config);
  EXPECT_DERI_ERROR(validate(config), HasSubstr(GetParam().message));
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

INSTANTIATE_TEST_SUITE_P(
    BadSettings, ValidateModel,
    ::testing::Values(BadSetting{"did you mean \"deri\"", [](ModelConfig& c) { c.kind = "deir"; }},
                      BadSetting{"did you mean \"resnet18\"", [](ModelConfig& c) { c.backbone = "resnet8"; }},
                      BadSetting{"input.rate", [](ModelConfig& c) { c.input.rate = kNan; }},
                      BadSetting{"input.rate", [](ModelConfig& c) { c.input.rate = 1e300; }},
                      BadSetting{"input.seconds", [](ModelConfig& c) { c.input.seconds = -1; }},
                      BadSetting{"samples", [](ModelConfig& c) { c.input.seconds = 80000; }},
                      BadSetting{"input.leads is empty", [](ModelConfig& c) { c.input.leads.clear(); }},
                      BadSetting{"a lead twice",
                                 [](ModelConfig& c) {
                                   c.input.leads = {"I", "II", "I"};
                                 }},
                      BadSetting{"record-minmax", [](ModelConfig& c) { c.input.scaling = "record-minmx"; }},
                      BadSetting{"width is 0", [](ModelConfig& c) { c.width = 0; }},
                      BadSetting{"width", [](ModelConfig& c) { c.width = std::int64_t{1} << 60; }},
                      BadSetting{"pool_heads is 3", [](ModelConfig& c) { c.pool_heads = 3; }},
                      BadSetting{"rme_heads is 0", [](ModelConfig& c) { c.rme_heads = 0; }},
                      BadSetting{"rme_keep", [](ModelConfig& c) { c.rme_keep = 1.5; }},
                      BadSetting{"downconv_stride", [](ModelConfig& c) { c.downconv_stride = 0; }},
                      BadSetting{"interaction_depth", [](ModelConfig& c) { c.interaction_depth = 0; }},
                      BadSetting{"interaction_dropout", [](ModelConfig& c) { c.interaction_dropout = 1; }},
                      BadSetting{"view_dropout", [](ModelConfig& c) { c.view_dropout = kNan; }},
                      BadSetting{"text.heads is 5", [](ModelConfig& c) { c.text.heads = 5; }},
                      BadSetting{"text.max_tokens is 513", [](ModelConfig& c) { c.text.max_tokens = 513; }},
                      BadSetting{"text tower would have", [](ModelConfig& c) { c.text.layers = 256; }}));

}  // namespace
}  // namespace deri
