#include "deri/base/config.hpp"

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Inner {
  double learning_rate = 1e-3;
  std::vector<std::string> leads = {"I"};
  template <typename Visitor>
  void visit(Visitor& field) {
    field("learning_rate", learning_rate);
    field("leads", leads);
  }
};

struct Outer {
  std::string name = "x";
  int epochs = 5;
  bool bf16 = false;
  std::map<std::string, double> weights;
  Inner optimiser;
  template <typename Visitor>
  void visit(Visitor& field) {
    field("name", name);
    field("epochs", epochs);
    field("bf16", bf16);
    field("weights", weights);
    field("optimiser", optimiser);
  }
};

Outer read(const std::string& yaml) {
  return read_config<Outer>(parse_yaml(yaml, "c.yaml"), "c.yaml");
}

TEST(Config, ReadsKeysAndKeepsDefaults) {
  const Outer config = read("epochs: 7\nweights: {cma: 1, uma: 0.5}\noptimiser:\n  leads: [I, aVR]\n");
  EXPECT_EQ(config.epochs, 7);
  EXPECT_EQ(config.name, "x");
  EXPECT_EQ(config.weights.at("uma"), 0.5);
  EXPECT_EQ(config.optimiser.leads.back(), "aVR");
  EXPECT_EQ(config.optimiser.learning_rate, 1e-3);
}

TEST(Config, UnknownKeyIsRefusedWithTheNearest) {
  EXPECT_DERI_ERROR(read("epoch: 7\n"), AllOf(HasSubstr("c.yaml"), HasSubstr("'epoch'"), HasSubstr("'epochs'")));
  EXPECT_DERI_ERROR(read("optimiser: {lerning_rate: 1}\n"), HasSubstr("did you mean 'optimiser.learning_rate'"));
  EXPECT_DERI_ERROR(read("zzzzzz: 7\n"), HasSubstr("known here: name, epochs"));
}

TEST(Config, WrongTypeIsNamed) {
  EXPECT_DERI_ERROR(read("epochs: many\n"), AllOf(HasSubstr("'epochs'"), HasSubstr("a whole number")));
  EXPECT_DERI_ERROR(read("bf16: 1\n"), HasSubstr("true or false"));
  EXPECT_DERI_ERROR(read("optimiser: 3\n"), HasSubstr("a mapping"));
  EXPECT_DERI_ERROR(read("epochs: [\n"), HasSubstr("not valid YAML"));
  EXPECT_DERI_ERROR(read("epochs: 1\nepochs: 2\n"), HasSubstr("twice"));
}

TEST(Config, OverridesReachNestedKeys) {
  Json tree = parse_yaml("epochs: 7\n", "c.yaml");
  apply_override(tree, "optimiser.learning_rate=1e-4");
  apply_override(tree, "epochs=9");
  const auto config = read_config<Outer>(tree, "c.yaml");
  EXPECT_EQ(config.optimiser.learning_rate, 1e-4);
  EXPECT_EQ(config.epochs, 9);
  EXPECT_DERI_ERROR(apply_override(tree, "epochs"), HasSubstr("key=value"));
  EXPECT_DERI_ERROR(apply_override(tree, "epochs.x=1"), HasSubstr("no keys"));
}

TEST(Config, YamlRoundTrip) {
  Outer config;
  config.name = "007: a \"quoted\" name";
  config.optimiser.learning_rate = 1.0 / 3;
  config.weights["cma"] = 2;
  const Json tree = write_config(config);
  const Json again = parse_yaml(to_yaml(tree), "c.yaml");
  EXPECT_EQ(tree, again);
  EXPECT_EQ(read_config<Outer>(again, "c.yaml").optimiser.learning_rate, 1.0 / 3);
}

}  // namespace
}  // namespace deri
