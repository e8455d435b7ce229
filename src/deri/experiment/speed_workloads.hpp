#pragma once
// The workloads of `deri bench`. Each makes its data, measures, and leaves its rows with the run. In all of them the
// reference is the released computation: plain kernels, float32, the published configuration.

#include "deri/experiment/speed_run.hpp"

namespace deri {

// A step of pre-training, all five terms, at each batch size. Reference: text tower at 256 tokens in every step,
// PyTorch's AdamW. Ours: text features stored, true lengths, our AdamW.
void measure_training_steps(SpeedRun& run);
// The memory that such a step takes at most.
void measure_training_memory(SpeedRun& run);
// ecg_embedding() at each batch size.
void measure_embedding(SpeedRun& run);
// The same, of one record, call by call.
void measure_single_record(SpeedRun& run);
// The ResNet-18 by itself: forward; forward and backward.
void measure_resnet(SpeedRun& run);
// WFDB files to embeddings.
void measure_files(SpeedRun& run);
// Zero-shot classification of a store: embeddings, prompts, metrics.
void measure_zero_shot(SpeedRun& run);
// A linear probe: features once, solved to convergence; against 100 epochs with the encoder run anew in each.
void measure_probe(SpeedRun& run);
// An archive of files to a store.
void measure_preparation(SpeedRun& run);
// Reports through the text tower.
void measure_text_features(SpeedRun& run);
// Report writing at the size of DistilGPT2.
void measure_report_writing(SpeedRun& run);
// An epoch of `deri pretrain`, and how much of it waits for data.
void measure_epoch(SpeedRun& run);
// `deri embed` of one file, from the start of the process to its end.
void measure_start(SpeedRun& run);
// Losses of training with each kind of kernels, step by step; a figure.
void measure_loss_curves(SpeedRun& run);
// Times over the records of a batch, the length of a record, and the records of an archive; figures.
void measure_growth(SpeedRun& run);

// For a process of its own: such a step on random text features or padded reports, and such an embedding. Ours, in a
// session, or the reference.
Alternative lone_step(const SpeedWay& way, std::int64_t records);
Alternative lone_embedding(const SpeedWay& way, std::int64_t records);

}  // namespace deri
