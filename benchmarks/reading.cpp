// How fast ECG files become recordings, stores, and batches. Files lie in the page cache; rates are records (and
// megabytes of 16-bit samples) per second of wall clock, all threads together. The store is written to the system's
// temporary folder: TMPDIR=/dev/shm measures the program, a folder on a disk the disk.

#include <cstdlib>
#include <memory>
#include <numeric>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "deri/base/files.hpp"
#include "deri/base/memory.hpp"
#include "deri/base/random.hpp"
#include "deri/data/loader.hpp"
#include "deri/data/prepare.hpp"
#include "deri/ecg/leads.hpp"
#include "deri/ecg/read_recording.hpp"
#include "deri/ecg/wfdb.hpp"

namespace deri {
namespace {

constexpr std::size_t kFiles = 512;
constexpr std::size_t kStoreRecords = 8192;
constexpr std::size_t kLength = 5000;  // 10 s at 500 Hz

// 512 records of 12 leads, 500 Hz, 10 s, as MIMIC-IV-ECG and PTB-XL have them: 61 MB of signal files.
class Records {
 public:
  static const Records& get() {
    static const Records kRecords;
    return kRecords;
  }
  std::filesystem::path folder() const { return folder_.path(); }
  static std::string name(std::size_t index) { return fmt::format("{:05}.hea", index % kFiles); }

 private:
  Records() {
    set_freed_memory(FreedMemory::kKept);  // as the program does
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

// 8,192 records, each file sixteen times.
class RepeatedRecords : public RecordSource {
 public:
  std::filesystem::path root() const override { return Records::get().folder(); }
  StoreInfo info() const override {
    StoreInfo info;
    info.rate = 500;
    info.leads = standard_leads();
    info.made_by = Json::object();
    return info;
  }
  std::string fingerprint() const override { return "benchmark"; }
  std::size_t size() const override { return kStoreRecords; }
  std::string name(std::size_t index) const override { return Records::name(index); }
  StoreRecord record(std::size_t index) const override {
    StoreRecord record;
    record.id = std::to_string(index);
    record.split = kTrain;
    record.report = "sinus rhythm";
    record.source = name(index);
    return record;
  }
  Recording read(StoreRecord& record) const override { return read_wfdb(root() / record.source); }
};

void count(benchmark::State& state, std::size_t records, double length = kLength) {
  const double rate = static_cast<double>(state.iterations()) * static_cast<double>(records);
  state.counters["records"] = benchmark::Counter(rate, benchmark::Counter::kIsRate);
  state.counters["MB"] = benchmark::Counter(rate * 12 * 2 * length / 1e6, benchmark::Counter::kIsRate);
}

void read_wfdb_records(benchmark::State& state) {
  const Records& records = Records::get();
  auto index = static_cast<std::size_t>(state.thread_index()) * 131;
  for (auto _ : state) benchmark::DoNotOptimize(read_wfdb(records.folder() / Records::name(index++)));
  count(state, 1);
}
BENCHMARK(read_wfdb_records)->UseRealTime()->Threads(1)->Threads(2);

void prepare_wfdb_records(benchmark::State& state) {
  Records::get();
  const TemporaryDirectory folder;
  PrepareOptions options;
  options.threads = static_cast<std::size_t>(state.range(0));
  options.replace = true;
  for (auto _ : state) prepare_store(RepeatedRecords(), folder.path() / "store", options);
  count(state, kStoreRecords);
}
BENCHMARK(prepare_wfdb_records)->UseRealTime()->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

// Every record once, in a random order, scaled for a model; the whole of a store that fits the page cache.
void iterate_at_random(benchmark::State& state, const Store& store) {
  const SignalReader reader(store, mimic_leads(), store.info().rate, 10, Scaling::kRecordMinmax);
  std::vector<std::size_t> indices(store.size());
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  LoaderOptions options;
  options.shuffle = true;
  options.threads = static_cast<std::size_t>(state.range(0));
  Loader loader(reader, indices, options);
  std::uint64_t epoch = 0;
  for (auto _ : state) {
    loader.start_epoch(epoch++);
    while (const std::optional<Batch> batch = loader.next()) benchmark::DoNotOptimize(batch->ecg.data());
  }
  count(state, store.size(), static_cast<double>(store.info().samples));
}

void iterate_store_at_random(benchmark::State& state) {
  Records::get();
  const TemporaryDirectory folder;
  prepare_store(RepeatedRecords(), folder.path() / "store", {});
  iterate_at_random(state, Store(folder.path() / "store"));
}
BENCHMARK(iterate_store_at_random)->UseRealTime()->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

// The same, and opening, of the store that DERI_BENCH_STORE names.
const char* own_store() {
  return std::getenv("DERI_BENCH_STORE");
}

void open_own_store(benchmark::State& state) {
  if (own_store() == nullptr) return state.SkipWithError("DERI_BENCH_STORE names no store");
  for (auto _ : state) benchmark::DoNotOptimize(Store(own_store()).size());
}
BENCHMARK(open_own_store)->UseRealTime()->Unit(benchmark::kMillisecond);

void iterate_own_store_at_random(benchmark::State& state) {
  if (own_store() == nullptr) return state.SkipWithError("DERI_BENCH_STORE names no store");
  iterate_at_random(state, Store(own_store()));
}
BENCHMARK(iterate_own_store_at_random)->UseRealTime()->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace deri
