#include <functional>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "deri/experiment/speed_inputs.hpp"
#include "deri/experiment/speed_process.hpp"
#include "deri/experiment/speed_workloads.hpp"
#include "deri/model/ecg_session.hpp"
#include "deri/model/multiply_adds.hpp"

namespace deri {
namespace {

using torch::Tensor;

constexpr std::int64_t kLeads = 12, kSamples = 5000;

// What the released code computes.
Tensor embed_plainly(EcgTextModel& model, const Tensor& ecg, const SpeedWay& way) {
  const torch::NoGradGuard no_grad;
  const AutocastGuard autocast(way.precision, torch::kCPU);
  return model.ecg_embedding(ecg);
}

// Of ours, by its type.
struct EmbeddingGoals {
  std::vector<SpeedGoal> float32 = {}, bfloat16 = {};
};

// A row for each way, one in whole numbers, calibrated on these records, and one of the reference as it starts.
std::vector<TimedRow> embedding_rows(const SpeedRun& run, EcgTextModel& model, const Tensor& ecg,
                                     const EmbeddingGoals& goals) {
  const auto records = static_cast<double>(ecg.size(0));
  std::vector<TimedRow> rows;
  Tensor expected;
  const auto add_row = [&](const SpeedWay& way, const std::function<Tensor()>& embed) {
    rows.push_back(timed_row(way, [embed] { embed(); }));
    rows.back().row.work = records;
    rows.back().row.operations = 2 * records * static_cast<double>(embedding_multiply_adds(model.config()).forward);
    const Tensor embeddings = computed(way, embed);
    if (!expected.defined()) expected = embeddings;
    rows.back().row.difference = greatest_difference(embeddings, expected);
  };
  const auto add_session = [&](const SpeedWay& way, InferencePrecision precision) {
    const auto session = std::make_shared<EcgSession>(model, precision, ecg);
    add_row(way, [session, ecg] { return session->view(ecg, EcgView::kZeroShot); });
  };
  for (const SpeedWay& way : usable_ways())
    if (way.plain())
      add_row(way, [&model, ecg, way] { return embed_plainly(model, ecg, way); });
    else {
      add_session(way, inference_precision(way));
      rows.back().row.goals = way.precision == Precision::kFloat32 ? goals.float32 : goals.bfloat16;
    }
  if (ResNetSession::usable(InferencePrecision::kInt8)) {
    add_session(kOurs, InferencePrecision::kInt8);
    rows.back().row.name = "ours, encoder in int8";
    rows.back().row.operations = 0;  // of another kind than the ceilings'
  }
  rows.push_back(reference_as_started(run, LoneWork::What::kEmbedding, ecg.size(0)));
  return rows;
}

void measure_embedding_batch(SpeedRun& run, EcgTextModel& model, const Tensor& ecg) {
  const EmbeddingGoals goals =
      ecg.size(0) > 1 ? EmbeddingGoals{.float32 = ratio_goals(4.4), .bfloat16 = ratio_goals(8)} : EmbeddingGoals();
  SpeedWorkload workload;
  workload.key = "embed";
  workload.title = fmt::format("embedding, batch {}", ecg.size(0));
  workload.unit = "records";
  workload.difference_of = "embeddings, over the reference's greatest value";
  run.measure(std::move(workload), embedding_rows(run, model, ecg, goals), Repeated::kSteps);
}

std::shared_ptr<EcgTextModel> embedding_model() {
  const auto model = speed_model(stored_text_config());
  model->eval();
  return model;
}

// The gradients of the weights, one after another.
Tensor train_pass(Backbone& network, const Tensor& ecg, const Tensor& gradient, const SpeedWay& way) {
  for (Tensor& parameter : network.parameters()) parameter.mutable_grad().reset();
  Tensor features;
  {
    const AutocastGuard autocast(way.precision, torch::kCPU);
    features = network.forward(ecg);
  }
  features.backward(gradient.to(features.scalar_type()));
  std::vector<Tensor> gradients;
  for (const Tensor& parameter : network.parameters())
    if (parameter.grad().defined()) gradients.push_back(parameter.grad().flatten());
  return torch::cat(gradients);
}

void measure_resnet_forward(SpeedRun& run, Backbone& network, const Tensor& ecg) {
  network.eval();
  const auto forward = [&network, &ecg](const SpeedWay& way) {
    const torch::InferenceMode inference(!way.plain());
    const torch::NoGradGuard no_grad;
    const AutocastGuard autocast(way.precision, torch::kCPU);
    return network.forward(ecg);
  };
  const Tensor expected = computed(kReference, [&] { return forward(kReference); });
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways()) {
    rows.push_back(timed_row(way, [forward, way] { forward(way); }));
    SpeedRow& row = rows.back().row;
    row.work = static_cast<double>(ecg.size(0));
    row.operations = 2 * static_cast<double>(ecg.size(0) * encoder_multiply_adds(network, kSamples).forward);
    row.difference = greatest_difference(computed(way, [&] { return forward(way); }), expected);
    if (!way.plain()) row.goals = {{SpeedQuantity::kCeilingShare, 0.8}};
  }
  SpeedWorkload workload;
  workload.key = "resnet";
  workload.title = fmt::format("ResNet-18, forward, batch {}", ecg.size(0));
  workload.unit = "records";
  workload.difference_of = "features, over the reference's greatest value";
  run.measure(std::move(workload), std::move(rows), Repeated::kSteps);
}

void measure_resnet_training(SpeedRun& run, Backbone& network, const Tensor& ecg) {
  network.train();
  const Tensor gradient = torch::randn({ecg.size(0), network.features(), network.tokens(kSamples)});
  const auto gradients_of = [&](const SpeedWay& way) {
    const KernelsGuard kernels(way.kernels);
    return train_pass(network, ecg, gradient, way);
  };
  const Tensor expected = gradients_of(kReference);
  std::vector<TimedRow> rows;
  for (const SpeedWay& way : usable_ways()) {
    rows.push_back(timed_row(way, [&network, &ecg, &gradient, way] { train_pass(network, ecg, gradient, way); }));
    SpeedRow& row = rows.back().row;
    row.work = static_cast<double>(ecg.size(0));
    row.operations = 2 * static_cast<double>(ecg.size(0) * encoder_multiply_adds(network, kSamples).training());
    row.difference = greatest_difference(gradients_of(way), expected);
    if (!way.plain()) row.goals = {{SpeedQuantity::kCeilingShare, way.precision == Precision::kFloat32 ? 0.7 : 0.6}};
  }
  SpeedWorkload workload;
  workload.key = "resnet";
  workload.title = fmt::format("ResNet-18, forward and backward, batch {}", ecg.size(0));
  workload.unit = "records";
  workload.difference_of = "gradients of the weights, over the reference's greatest";
  run.measure(std::move(workload), std::move(rows), Repeated::kSteps);
}

}  // namespace

void measure_embedding(SpeedRun& run) {
  const auto model = embedding_model();
  for (const std::int64_t batch : run.scale().embedding_batches)
    measure_embedding_batch(run, *model,
                            input_tensor(synthetic_pairs(static_cast<std::size_t>(batch)), model->config().input));
}

void measure_single_record(SpeedRun& run) {
  const auto model = embedding_model();
  const Tensor ecg = input_tensor(synthetic_pairs(1), model->config().input);
  EmbeddingGoals goals{.float32 = ratio_goals(5), .bfloat16 = ratio_goals(8)};
  for (auto* of_type : {&goals.float32, &goals.bfloat16}) of_type->push_back({SpeedQuantity::kTail, 2});
  SpeedWorkload workload;
  workload.key = "latency";
  workload.title = fmt::format("one record, one call; at least {} calls", run.scale().calls);
  workload.unit = "records";
  workload.difference_of = "embeddings, over the reference's greatest value";
  run.measure(std::move(workload), embedding_rows(run, *model, ecg, goals), Repeated::kSteps, run.scale().calls);
}

Alternative lone_embedding(const SpeedWay& way, std::int64_t records) {
  const std::shared_ptr<EcgTextModel> model = embedding_model();
  const Tensor ecg = input_tensor(synthetic_pairs(static_cast<std::size_t>(records)), model->config().input);
  if (way.plain()) return {way.name, [model, ecg, way] { embed_plainly(*model, ecg, way); }};
  const auto session = std::make_shared<EcgSession>(*model, inference_precision(way));
  return {way.name, [model, session, ecg] { session->view(ecg, EcgView::kZeroShot); }};
}

void measure_resnet(SpeedRun& run) {
  torch::manual_seed(1);
  const auto network = make_backbone("resnet18", kLeads, kSamples);
  const Tensor ecg = torch::rand({run.scale().network_batch, kLeads, kSamples});
  measure_resnet_forward(run, *network, ecg);
  measure_resnet_training(run, *network, ecg);
}

}  // namespace deri
