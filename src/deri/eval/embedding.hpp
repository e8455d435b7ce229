#pragma once
// Records and texts → points of the shared space, in evaluation mode and without gradient.

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include <torch/torch.h>

#include "deri/data/loader.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/recording.hpp"
#include "deri/model/ecg_session.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

// A reader of `store` that yields what `config` expects: its leads by name, rate, length, scaling.
// Throws Error if a lead is missing.
SignalReader make_reader(const Store& store, const InputConfig& config);

// A batch's records as a tensor [B, leads, samples] on `device`. On the CPU it is a view of the batch, which must
// outlive it.
torch::Tensor ecg_tensor(Batch& batch, const InputConfig& input, const torch::Device& device);

// Inputs as model_input() makes them, one after another, as such a tensor on the CPU.
torch::Tensor input_tensor(std::vector<float>& inputs, const InputConfig& input);

// A session of the model in this precision; kInt8 is calibrated on the first of `records`, as `reader` gives them.
EcgSession make_session(const ModelBundle& bundle, InferencePrecision precision, const SignalReader& reader,
                        const std::vector<std::size_t>& records);

// How embed_ecgs() goes about it.
struct EmbedOptions {
  std::int64_t batch_size = 64;
  EcgView view = EcgView::kZeroShot;
  RecordChange change = {};                         // made to every record before scaling, seeded by its index alone
  std::function<void(std::int64_t)> embedded = {};  // told after every batch how many records are done
};

// A view of these records, [N, d] float32 on the CPU; rows L2-normalised but for kEncoder.
torch::Tensor embed_ecgs(EcgSession& session, const SignalReader& reader, const std::vector<std::size_t>& records,
                         const EmbedOptions& options = {});

// A view of some records of a store, computed once and found again by the record's index there.
class EmbeddedRecords {
 public:
  // `records` in any order; those named more than once are embedded once.
  EmbeddedRecords(EcgSession& session, const Store& store, std::vector<std::size_t> records,
                  const EmbedOptions& options = {});

  // [records, d], as embed_ecgs() gives them. Each must be among those embedded.
  torch::Tensor of(const std::vector<std::size_t>& records) const;

 private:
  std::unordered_map<std::size_t, std::int64_t> rows_;
  torch::Tensor embeddings_;
};

// What `config` makes of a recording: [leads * samples], scaled, holes mended. Throws Error, naming the recording, when
// a lead is missing or repair() rejects it.
std::vector<float> model_input(const Recording& recording, const InputConfig& config);

// The same view of inputs as model_input() makes them: one after another in `inputs`.
torch::Tensor embed_inputs(EcgSession& session, std::vector<float>& inputs, EcgView view = EcgView::kZeroShot);

// Texts (reports, prompts) through the tower and the projector, rows L2-normalised: [N,width]
// float32 on the CPU.
torch::Tensor embed_texts(const ModelBundle& bundle, const std::vector<std::string>& texts,
                          const torch::Device& device);

// A model's device, from a name such as "cpu" or "cuda:0". Throws Error if it is unknown or not
// there.
torch::Device parse_device(const std::string& name);

}  // namespace deri
