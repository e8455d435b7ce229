# make demo   set up, build, and run the main job on synthetic ECGs; ends by naming the page with its results
# make test   set up, build, and run every test
# make lint   formatting, include order of the stages, clang-tidy
# make fuzz   run every parser of bytes on mutated files, FUZZ_SECONDS each
# make bench  measure

PRESET ?= release
BUILD := build/$(PRESET)
DERI := $(BUILD)/bin/deri
DEMO := demo
FUZZ_SECONDS ?= 20

.PHONY: build test demo lint fuzz bench format setup clean

build: setup
	@cmake --preset $(PRESET) > $(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; exit 1; }
	cmake --build $(BUILD)

setup:
	@tools/setup.sh
	@mkdir -p build

test: build
	ctest --test-dir $(BUILD) --output-on-failure

demo: build
	rm -rf $(DEMO)
	mkdir $(DEMO)
	$(DERI) synth --out $(DEMO)/archive --records 2000 --seed 1
	$(DERI) prepare ptbxl $(DEMO)/archive --out $(DEMO)/store
	$(DERI) pretrain --config configs/demo.yaml --data $(DEMO)/store --out $(DEMO)/run
	$(DERI) zeroshot --model $(DEMO)/run/best --data $(DEMO)/store --labels super,rhythm,form,sub --json $(DEMO)/zeroshot.json
	$(DERI) report train --config configs/report-demo.yaml --model $(DEMO)/run/best --data $(DEMO)/store --out $(DEMO)/writer
	$(DERI) report write --model $(DEMO)/writer/best --data $(DEMO)/store --out $(DEMO)/reports.csv
	$(DERI) page --run $(DEMO)/run --data $(DEMO)/store --zeroshot $(DEMO)/zeroshot.json --reports $(DEMO)/reports.csv --out $(DEMO)/index.html \
	  --note "These ECGs are synthetic: the numbers show that the machinery learns, not how well it reads real ECGs."
	@echo
	@echo "The results are in $(DEMO)/index.html"

lint:
	@tools/setup.sh --lint
	tools/lint.sh

fuzz:
	@tools/setup.sh
	@tools/setup.sh --fuzz
	tools/fuzz.sh $(FUZZ_SECONDS)

bench: setup
	@tools/setup.sh --bench
	cmake --preset $(PRESET) -DDERI_BUILD_BENCHMARKS=ON > $(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; exit 1; }
	cmake --build $(BUILD) --target bench_reading bench_report_writing bench_layers deri
	$(BUILD)/benchmarks/bench_reading
	$(BUILD)/benchmarks/bench_report_writing --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
	$(BUILD)/benchmarks/bench_layers
	$(DERI) bench

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

clean:
	rm -rf build $(DEMO)
