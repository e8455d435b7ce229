#pragma once
// Records and texts → points of the shared space, in evaluation mode and without gradient.

#include <string>
#include <unordered_map>
#include <vector>

#include <torch/torch.h>

#include "deri/data/loader.hpp"
#include "deri/data/store.hpp"
#include "deri/ecg/recording.hpp"
#include "deri/model/model_folder.hpp"

namespace deri {

// A reader of `store` that yields what `config` expects: its leads by name, rate, length, scaling.
// Throws Error if a lead is missing.
SignalReader make_reader(const Store& store, const InputConfig& config);

// A batch's records as a tensor [B, leads, samples] on `device`. On the CPU it is a view of the batch, which must
// outlive it.
torch::Tensor ecg_tensor(Batch& batch, const InputConfig& input, const torch::Device& device);

// A view of these records, [N, d] float32 on the CPU; rows L2-normalised but for kEncoder. In evaluation mode; the
// model goes back to the mode it was in. `change`, if given, is made to every record before scaling, with a seed of its
// index alone.
torch::Tensor embed_ecgs(EcgTextModel& model, const SignalReader& reader, const std::vector<std::size_t>& records,
                         std::int64_t batch_size, const torch::Device& device, EcgView view = EcgView::kZeroShot,
                         const RecordChange& change = {});

// A view of some records of a store, computed once and found again by the record's index there.
class EmbeddedRecords {
 public:
  // `records` in any order; those named more than once are embedded once.
  EmbeddedRecords(const ModelBundle& bundle, const Store& store, std::vector<std::size_t> records,
                  std::int64_t batch_size, const torch::Device& device, EcgView view = EcgView::kZeroShot,
                  const RecordChange& change = {});

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
torch::Tensor embed_inputs(EcgTextModel& model, std::vector<float>& inputs, const torch::Device& device,
                           EcgView view = EcgView::kZeroShot);

// Texts (reports, prompts) through the tower and the projector, rows L2-normalised: [N,width]
// float32 on the CPU.
torch::Tensor embed_texts(const ModelBundle& bundle, const std::vector<std::string>& texts,
                          const torch::Device& device);

// A model's device, from a name such as "cpu" or "cuda:0". Throws Error if it is unknown or not
// there.
torch::Device parse_device(const std::string& name);

}  // namespace deri
