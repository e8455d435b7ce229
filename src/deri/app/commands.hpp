#pragma once
// The program's subcommands. Each function declares one on the application: its options, its help with an example that
// runs, and what it does.

#include <CLI/CLI.hpp>

namespace deri {

void add_synth_command(CLI::App& app);
void add_prepare_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_plot_command(CLI::App& app);
void add_pretrain_command(CLI::App& app);
void add_pretrain_text_command(CLI::App& app);
void add_text_features_command(CLI::App& app);
void add_zeroshot_command(CLI::App& app);
void add_probe_command(CLI::App& app);
void add_robustness_command(CLI::App& app);
void add_compare_command(CLI::App& app);
void add_embed_command(CLI::App& app);
void add_search_command(CLI::App& app);
void add_benchmark_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_page_command(CLI::App& app);

}  // namespace deri
