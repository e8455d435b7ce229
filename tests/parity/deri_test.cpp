// DERI against every figure of deri_parity.json. The model is run twice for the whole suite, in float32 and in double:
// evaluation first, then one training step.

#include "deri/model/deri.hpp"

#include <map>
#include <set>
#include <utility>

#include "parity/fixture.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

// All that the tests look at.
struct DeriRun {
  Json figures = load_figures("deri_parity.json");
  std::shared_ptr<Deri> model;
  TextFeatures text;
  Tensor encoder_mean, zero_shot, class_embedding;
  DeriOutputs eval, train;
  LossTerms eval_losses, train_losses;
  double total = 0;
  std::map<std::string, double> norms_after_step;
  Tensor bn1_mean, bn1_var;

  explicit DeriRun(torch::ScalarType precision) {
    model = std::make_shared<Deri>(figures_config("deri", figures));
    fill_by_rule(*model);
    model->to(precision);
    const Tensor ecg = figures_ecg(6).to(precision);
    const RmeNoise noise{uniform_by_rule("input.rme_noise.0", {6, 105}),
                         uniform_by_rule("input.rme_noise.1", {6, 105})};
    model->eval();
    text = model->encode_text(figures_text(figures));
    run_eval(ecg, noise);
    run_train(ecg, noise);
  }

  void run_eval(const Tensor& ecg, const RmeNoise& noise) {
    const torch::NoGradGuard no_grad;
    encoder_mean = model->ecg_encoder().forward(ecg).mean(2);
    zero_shot = model->ecg_embedding(ecg);
    class_embedding = model->text_embedding(text);
    eval = model->forward(ecg, text, noise);
    eval_losses = deri_losses(eval, {});
  }

  void run_train(const Tensor& ecg, const RmeNoise& noise) {
    model->train();
    train = model->forward(ecg, text, noise);
    train_losses = deri_losses(train, {});
    const Tensor loss = total_loss(train_losses, {});
    total = loss.item<double>();
    loss.backward();
    std::vector<Tensor> trained;
    for (const Tensor& parameter : model->parameters())
      if (parameter.grad().defined()) trained.push_back(parameter);
    torch::optim::AdamW(trained, torch::optim::AdamWOptions(1e-3).weight_decay(1e-8)).step();
    for (const auto& entry : model->named_parameters())
      if (entry.value().grad().defined())
        norms_after_step[entry.key()] = entry.value().to(torch::kFloat64).norm().item<double>();
    bn1_mean = model->named_buffers()["ecg_encoder.bn1.running_mean"];
    bn1_var = model->named_buffers()["ecg_encoder.bn1.running_var"];
  }
};

class DeriParity : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    run_ = new DeriRun(torch::kFloat32);
    exact_ = new DeriRun(torch::kFloat64);
  }
  static void TearDownTestSuite() {
    delete std::exchange(run_, nullptr);
    delete std::exchange(exact_, nullptr);
  }

  static void expect_outputs(const DeriOutputs& actual, const Json& expected) {
    expect_close(actual.rme1, expected["ecg_rme"][0], kTolerance, "ecg_rme 0");
    expect_close(actual.rme2, expected["ecg_rme"][1], kTolerance, "ecg_rme 1");
    expect_close(actual.proj_ecg, expected["proj_ecg"], kTolerance, "proj_ecg");
    expect_close(actual.proj_text, expected["proj_text"], kTolerance, "proj_text");
    expect_close(actual.mix_ecg, expected["mix_ecg"], kTolerance, "mix_ecg");
    expect_close(actual.mix_text, expected["mix_text"], kTolerance, "mix_text");
    expect_close(actual.dec_ecg, expected["dec_ecg"], kTolerance, "dec_ecg");
    expect_close(actual.dec_text, expected["dec_text"], kTolerance, "dec_text");
    expect_close(actual.ori_ecg, expected["ori_ecg"], kTolerance, "ori_ecg");
    expect_close(actual.ori_text, expected["ori_text"], kTolerance, "ori_text");
  }

  static DeriRun *run_, *exact_;
};

DeriRun* DeriParity::run_ = nullptr;
DeriRun* DeriParity::exact_ = nullptr;

TEST_F(DeriParity, TensorNamesAndShapes) {
  expect_state_dict(*run_->model, run_->figures["state_dict"]);
}

TEST_F(DeriParity, TextTower) {
  expect_close(run_->text.pooled, run_->figures["bert_pooler"], kTolerance, "pooled");
  expect_close(run_->text.hidden.mean(2), run_->figures["bert_hidden_row_mean"], kTolerance,
               "hidden, mean of each token");
}

TEST_F(DeriParity, EcgEncoder) {
  expect_close(run_->encoder_mean, run_->figures["ecg_encoder_mean"], kTolerance, "mean over time");
}

TEST_F(DeriParity, ZeroShotEmbeddings) {
  expect_close(run_->zero_shot, run_->figures["zero_shot_ecg_emb"], kTolerance, "ECG");
  expect_close(run_->class_embedding, run_->figures["class_emb"], kTolerance, "class");
}

TEST_F(DeriParity, EvaluationEmbeddings) {
  expect_outputs(run_->eval, run_->figures["eval"]);
}

TEST_F(DeriParity, EvaluationLosses) {
  expect_losses(run_->eval_losses, run_->figures["eval"]["losses"], kTolerance);
}

TEST_F(DeriParity, TrainingEmbeddings) {
  expect_outputs(run_->train, run_->figures["train"]);
}

TEST_F(DeriParity, TrainingLosses) {
  expect_losses(run_->train_losses, run_->figures["train"]["losses"], kTolerance);
  expect_relative(run_->total, run_->figures["train"]["total_loss"].get<double>(), kTolerance, "total");
}

TEST_F(DeriParity, Gradients) {
  const Json& expected = run_->figures["train"]["grad_norm_first_last"];
  {
    SCOPED_TRACE("float32");
    expect_gradients(*run_->model, expected, kFloatNormTolerance, kFloatElementTolerance);
  }
  SCOPED_TRACE("double");
  expect_gradients(*exact_->model, expected, kNormTolerance, kElementTolerance);
}

TEST_F(DeriParity, ParametersWithoutGradient) {
  std::set<std::string> without;
  for (const auto& entry : run_->model->named_parameters())
    if (!entry.value().grad().defined()) without.insert(entry.key());
  EXPECT_EQ(without, run_->figures["train"]["params_without_grad"].get<std::set<std::string>>());
}

// The first step of AdamW moves every weight by the learning rate against its gradient's sign. Rounding decides the
// sign of a gradient that is nearly 0, so one such element per tensor may go the other way: that changes the norm by 2
// * 1e-3 * |w| / norm, below 3e-4 in these small biases.
TEST_F(DeriParity, ParametersAfterOneStep) {
  constexpr double kOneSign = 3e-4;
  const Json& expected = run_->figures["train"]["param_after_adamw_norm"];
  EXPECT_EQ(exact_->norms_after_step.size(), expected.size());
  for (const auto& [name, norm] : expected.items()) {
    const double wanted = norm.get<double>();
    EXPECT_NEAR(exact_->norms_after_step.at(name), wanted, kTolerance * wanted + kOneSign) << name;
  }
}

TEST_F(DeriParity, BatchNormStatisticsAfterOneStep) {
  const Json& expected = run_->figures["train"];
  expect_close(run_->bn1_mean, expected["bn1_running_mean_after"], kTolerance, "mean");
  expect_close(run_->bn1_var, expected["bn1_running_var_after"], kTolerance, "variance");
}

}  // namespace
}  // namespace deri::testing
