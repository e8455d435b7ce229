// How fast ECG files become recordings and stores. Files lie in the page cache; rates are records (and megabytes of
// signal files) per second of wall clock, all threads together.

#include <memory>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "deri/base/files.hpp"
#include "deri/base/memory.hpp"
#include "deri/base/random.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

constexpr std::size_t kFiles = 512;
constexpr std::size_t kLength = 5000;  // 10 s at 500 Hz
constexpr double kMegabytes = 12 * kLength * 2 / 1e6;

// 512 records of 12 leads, 500 Hz, 10 s, as MIMIC-IV-ECG and PTB-XL have them: 61 MB of signal files.
class Records {
 public:
  static const Records& get() {
    static const Records kRecords;
    return kRecords;
  }
  std::filesystem::path header(std::size_t index) const {
    return folder_.path() / fmt::format("{:05}.hea", index % kFiles);
  }

 private:
  Records() {
    keep_freed_memory();  // as the program does
    Rng rng(1);
    for (std::size_t i = 0; i < kFiles; ++i) {
      WfdbSignals signals;
      signals.rate = 500;
      signals.leads = standard_leads();
      signals.length = kLength;
      signals.samples.resize(12 * kLength);
      for (std::int16_t& sample : signals.samples) sample = static_cast<std::int16_t>(rng.below(4000)) - 2000;
      write_wfdb(folder_.path(), fmt::format("{:05}", i), signals, Survives::kKill);
    }
  }
  TemporaryDirectory folder_;
};

void count(benchmark::State& state) {
  state.counters["records"] = benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["MB"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kMegabytes, benchmark::Counter::kIsRate);
}

void read_wfdb_records(benchmark::State& state) {
  const Records& records = Records::get();
  auto index = static_cast<std::size_t>(state.thread_index()) * 131;
  for (auto _ : state) benchmark::DoNotOptimize(read_wfdb(records.header(index++)));
  count(state);
}
BENCHMARK(read_wfdb_records)->UseRealTime()->Threads(1)->Threads(2);

}  // namespace
}  // namespace deri
