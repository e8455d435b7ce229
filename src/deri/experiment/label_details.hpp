#pragma once
// What a suite's page shows of single labels: AUROC with intervals, ROC curves, and whether probabilities can be
// believed.

#include <string>
#include <vector>

#include "deri/eval/html_page.hpp"
#include "deri/eval/metrics.hpp"
#include "deri/experiment/suite_page.hpp"

namespace deri {

// The scores of one task, data set and label set, of a probe those with the most training records; each model once.
// Never empty.
using ScoreGroup = std::vector<const LabelScores*>;

std::vector<ScoreGroup> score_groups(const std::vector<LabelScores>& scores);

// `points` without those that nobody would miss: left out is what lies less than a thousandth from the line that stays,
// and, where more than `most` would stay, the nearest. The ends stay; `most` is at least 2.
std::vector<RocPoint> thinned_roc(const std::vector<RocPoint>& points, std::size_t most = 200);

// Folded away below a summary. `models`: in whose order, and colours, the models stand. Scores that cannot be drawn
// (not numbers, probabilities outside [0, 1]) are named and left out.
void add_label_details(HtmlPage& page, const ScoreGroup& group, const std::vector<std::string>& models);

}  // namespace deri
