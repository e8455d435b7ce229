#pragma once
// The linear probe of the published tables, with its faults: only for comparison with them (protocol "published"). The
// probe to trust is logistic.hpp.
//
// A linear layer on the raw features, binary cross-entropy averaged over records and labels, Adam with L2 weight decay
// added to the gradient (on the bias too), batches of 16 in a new order every epoch, the last one smaller. What a sound
// protocol would not do:
// * The schedule divides the learning rate by ten at its step 40, meant as epoch 40. It is stepped after every batch
//   and once more after every epoch, so with 17,084 records the rate falls after 40 of the first epoch's 1,068 batches.
// * After every epoch the test records are scored, and the best epoch is reported: the maximum over epochs of AUROC, of
//   F1 and of accuracy, each on its own, so they may come from different epochs. F1 is itself the maximum over
//   thresholds on the test records.
// The published program computes in mixed precision; this one in double. It initialises the layer uniformly in
// +-1/sqrt(columns), as torch.nn.Linear does, from random numbers of its own.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "deri/eval/logistic.hpp"
#include "deri/eval/metrics.hpp"

namespace deri {

struct PublishedProbeOptions {
  int epochs = 100;
  int batch_size = 16;
  double learning_rate = 0.01;
  double weight_decay = 1e-4;
  std::int64_t milestone = 40;  // the schedule's step from which on the rate is multiplied by `decay`
  double decay = 0.1;
  bool step_per_batch = true;  // false: the schedule is stepped per epoch alone, as it was meant
  std::uint64_t seed = 42;
  int threads = 0;  // 0: as many as the machine has; results are the same for any number
};

// Macro figures on the scored records after an epoch, over the labels with both classes there.
struct PublishedEpoch {
  double learning_rate;  // of the epoch's last batch
  double train_loss;     // mean over its batches
  double auroc, f1, accuracy;
};

struct PublishedProbe {
  std::vector<PublishedEpoch> epochs;
  std::size_t best_epoch = 0;              // by the scored records' AUROC, from 0; of equals the first
  double max_auroc, max_f1, max_accuracy;  // what the published tables report
  LinearModel best, last;                  // mean 0 and scale 1: the layer works on raw features
};

// Throws Error as fit_logistic() does, and for options that make no sense.
PublishedProbe fit_published_probe(const ProbeSet& train, const ProbeSet& scored,
                                   const PublishedProbeOptions& options = {});

}  // namespace deri
