#pragma once
// Alternatives measured against each other in one process: in turns, so that whatever the machine does besides falls
// on all of them alike.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace deri {

struct Alternative {
  std::string name;
  std::function<void()> run;           // one repetition
  std::function<void()> warm_up = {};  // once before the first turn; not set: run
};

struct TimingPlan {
  double seconds = 10;        // of all turns together; the first round is made whole whatever it takes
  std::size_t rounds = 4;     // into which they are divided
  std::size_t least = 1;      // repetitions of each alternative
  std::size_t most = 10'000;  // repetitions of each alternative, at most
  // Every turn begins with a repetition that is not counted: the others then find the memory that it took from the
  // system, as work does that goes on for long.
  bool settle = false;
};

// What the measurement needs from outside.
struct TimingEnvironment {
  std::function<double()> now;                              // seconds
  std::function<void()> before_turn = {};                   // untimed, before every turn
  std::function<void()> reset_memory = {};                  // before every turn
  std::function<std::optional<double>()> peak_memory = {};  // after it, bytes
};

// The steady clock and this process's memory.
TimingEnvironment real_environment();

struct Timing {
  std::vector<double> seconds;        // of each repetition, in order
  std::optional<double> peak_memory;  // bytes, the highest of its turns; what the others keep between theirs included

  // Linear between the two nearest; of no repetition an internal error.
  double quantile(double probability) const;
  double median() const { return quantile(0.5); }
  // Half of the repetitions lie within so much of each other: interquartile range over median.
  double spread() const;
};

// Every alternative warms up; then, round by round, each has its turn, which is one repetition or as many as end in its
// share of the round's time (an alternative that is faster is so repeated more often). Rounds follow while the next one
// would end in plan.seconds, and until each has plan.least repetitions.
std::vector<Timing> time_alternatives(const std::vector<Alternative>& alternatives, const TimingPlan& plan,
                                      const TimingEnvironment& environment);

}  // namespace deri
