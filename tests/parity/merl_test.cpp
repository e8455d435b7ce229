// The MERL baseline against every figure of merl_parity.json; the model is run twice for the whole
// suite, in float32 and in double.

#include "deri/model/merl.hpp"

#include <utility>

#include "parity/fixture.hpp"

namespace deri::testing {
namespace {

using torch::Tensor;

struct MerlRun {
  Json figures = load_figures("merl_parity.json");
  std::shared_ptr<Merl> model;
  Tensor zero_shot;
  MerlOutputs eval, train;
  LossTerms eval_losses, train_losses;
  double total = 0;

  explicit MerlRun(torch::ScalarType precision) {
    model = std::make_shared<Merl>(figures_config("merl", figures));
    fill_by_rule(*model);
    model->to(precision);
    const Tensor ecg = figures_ecg(6).to(precision);
    model->eval();
    const TextFeatures text = model->encode_text(figures_text(figures));
    {
      const torch::NoGradGuard no_grad;
      zero_shot = model->ecg_embedding(ecg);
      eval = model->forward(ecg, text);
      eval_losses = merl_losses(eval, {});
    }
    model->train();
    train = model->forward(ecg, text);
    train_losses = merl_losses(train, {});
    const Tensor loss = total_loss(train_losses, {});
    total = loss.item<double>();
    loss.backward();
  }
};

class MerlParity : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    run_ = new MerlRun(torch::kFloat32);
    exact_ = new MerlRun(torch::kFloat64);
  }
  static void TearDownTestSuite() {
    delete std::exchange(run_, nullptr);
    delete std::exchange(exact_, nullptr);
  }

  static void expect_outputs(const MerlOutputs& actual, const Json& expected) {
    expect_close(actual.view1, expected["ecg_views"][0], kTolerance, "ecg_views 0");
    expect_close(actual.view2, expected["ecg_views"][1], kTolerance, "ecg_views 1");
    expect_close(actual.proj_ecg, expected["proj_ecg"], kTolerance, "proj_ecg");
    expect_close(actual.proj_text, expected["proj_text"], kTolerance, "proj_text");
  }

  static MerlRun *run_, *exact_;
};

MerlRun* MerlParity::run_ = nullptr;
MerlRun* MerlParity::exact_ = nullptr;

TEST_F(MerlParity, TensorNamesAndShapes) {
  expect_state_dict(*run_->model, run_->figures["state_dict"]);
}

TEST_F(MerlParity, ZeroShotEmbedding) {
  expect_close(run_->zero_shot, run_->figures["zero_shot_ecg_emb"], kTolerance, "ECG");
}

TEST_F(MerlParity, EvaluationEmbeddings) {
  expect_outputs(run_->eval, run_->figures["eval"]);
}

TEST_F(MerlParity, EvaluationLosses) {
  expect_losses(run_->eval_losses, run_->figures["eval"]["losses"], kTolerance);
}

TEST_F(MerlParity, TrainingEmbeddings) {
  expect_outputs(run_->train, run_->figures["train"]);
}

TEST_F(MerlParity, TrainingLosses) {
  expect_losses(run_->train_losses, run_->figures["train"]["losses"], kTolerance);
  expect_relative(run_->total, run_->figures["train"]["total_loss"].get<double>(), kTolerance, "total");
}

TEST_F(MerlParity, Gradients) {
  const Json& expected = run_->figures["train"]["grad_norm_first_last"];
  {
    SCOPED_TRACE("float32");
    expect_gradients(*run_->model, expected, kFloatNormTolerance, kFloatElementTolerance);
  }
  SCOPED_TRACE("double");
  expect_gradients(*exact_->model, expected, kNormTolerance, kElementTolerance);
}

}  // namespace
}  // namespace deri::testing
