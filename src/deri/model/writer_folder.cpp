#include "deri/model/writer_folder.hpp"

#include <utility>

#include "deri/base/config.hpp"
#include "deri/base/files.hpp"
#include "deri/model/huggingface_gpt2.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVersionKey = "deri_writer_version";
constexpr const char* kEncoderPrefix = "encoder.";

std::string writer_card(const WriterBundle& bundle) {
  const ReportDecoderConfig& decoder = bundle.config.decoder;
  std::string card = fmt::format(
      "# Report writer\n\nWrites reports of ECGs; made by deri {}. Use it with `deri report write --model` and this "
      "folder's path.\n\n| | |\n|---|---|\n| encoder | {}, {} encoding, {} |\n| decoder | {}, {} layers, width {}, {} "
      "|\n"
      "| vocabulary | {} tokens |\n\n",
      DERI_VERSION, bundle.encoder.config.kind, bundle.config.encoding,
      bundle.config.memory == "pooled" ? "one vector" : "every token", decoder.kind, decoder.layers, decoder.width,
      decoder.pretrained.empty() ? "trained from nothing (no pretrained language model)" : "from " + decoder.pretrained,
      bundle.tokenizer->size());
  if (!bundle.training.empty())
    card += "## How it was trained, and what it reached\n\n```json\n" + bundle.training.dump(2) + "\n```\n\n";
  return card + "Not a medical device: for research only. It states findings that are not there.\n";
}

// Head and decoder: what is the writer's own.
NamedTensors own_tensors(const ReportWriter& writer) {
  NamedTensors tensors;
  for (auto& [name, tensor] : module_tensors(writer))
    if (!name.starts_with(kEncoderPrefix)) tensors.emplace_back(name, tensor);
  return tensors;
}

// The encoder's folder may have been exchanged.
void check_encoding_width(const std::map<std::string, torch::Tensor>& tensors, ReportWriter& writer,
                          const fs::path& file) {
  const auto found = tensors.find("head.weight");
  if (found == tensors.end() || found->second.dim() != 2) return;  // assign_tensors() says so
  const std::int64_t read = found->second.size(1), given = writer.head()->weight.size(1);
  if (read != given)
    fail(
        "{}: the head reads encodings of width {}, the encoder in encoder/ gives width {}: they are of different "
        "models",
        file.string(), read, given);
}

void assign_own_tensors(ReportWriter& writer, const fs::path& file) {
  std::map<std::string, torch::Tensor> tensors = load_tensors(file);
  check_encoding_width(tensors, writer, file);
  for (auto& [name, tensor] : module_tensors(writer)) {
    if (!name.starts_with(kEncoderPrefix)) continue;
    if (tensors.contains(name)) fail("{}: the tensor '{}' belongs into the folder encoder/", file.string(), name);
    tensors[name] = tensor.detach();
  }
  assign_tensors(writer, tensors, file.string());
}

void check_vocabulary(const ReportTokenizer& tokenizer, const ReportDecoderConfig& decoder, const std::string& source) {
  if (static_cast<std::int64_t>(tokenizer.size()) != decoder.vocabulary)
    fail("{}: the vocabulary has {} tokens, the decoder {}: they are of different models", source, tokenizer.size(),
         decoder.vocabulary);
}

}  // namespace

WriterBundle new_writer(ReportWriterConfig config, ModelBundle encoder,
                        std::shared_ptr<const ReportTokenizer> tokenizer, std::uint64_t seed) {
  ReportDecoderConfig& decoder = config.decoder;
  if (!decoder.pretrained.empty()) {
    HuggingFaceGpt2 gpt2 = open_huggingface_gpt2(decoder.pretrained);
    tokenizer = make_report_tokenizer(std::move(gpt2.tokenizer));
    decoder.width = gpt2.options.width;
    decoder.layers = gpt2.options.layers;
    decoder.heads = gpt2.options.heads;
    decoder.positions = gpt2.options.positions;
  }
  decoder.vocabulary = static_cast<std::int64_t>(tokenizer->size());
  validate(config);
  torch::manual_seed(seed);
  WriterBundle bundle{config, std::move(encoder), nullptr, std::move(tokenizer)};
  bundle.writer = std::make_shared<ReportWriter>(config, bundle.encoder.model);
  if (!decoder.pretrained.empty()) load_gpt2_weights(decoder.pretrained, dynamic_cast<Gpt2&>(bundle.writer->decoder()));
  return bundle;
}

void save_writer(const fs::path& folder, const WriterBundle& bundle) {
  StagedDirectory staged(folder, true);
  save_tensors(staged.path() / "writer.safetensors", own_tensors(*bundle.writer), {{"format", "pt"}});
  save_json(staged.path() / "config.json",
            {{kVersionKey, kWriterVersion}, {"writer", write_config(bundle.config)}, {"training", bundle.training}});
  bundle.tokenizer->save(staged.path());
  save_model(staged.path() / "encoder", bundle.encoder);
  write_file_atomic(staged.path() / "README.md", writer_card(bundle));
  staged.commit();
}

WriterBundle load_writer(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("{} is not a report writer's folder: there is no such folder", folder.string());
  const fs::path config_file = folder / "config.json";
  const Json tree = load_json(config_file);
  const auto version = tree.is_object() ? tree.find(kVersionKey) : tree.end();
  if (version == tree.end())
    fail("{}: not a report writer (no '{}'); deri report train makes one from an encoder", config_file.string(),
         kVersionKey);
  if (*version != kWriterVersion)
    fail("{}: writer version {}, this program reads version {}: train it again or use the matching deri",
         config_file.string(), version->dump(), kWriterVersion);
  if (!tree.contains("writer")) fail("{}: the key 'writer' is missing", config_file.string());

  WriterBundle bundle;
  bundle.config = read_config<ReportWriterConfig>(tree["writer"], config_file.string());
  validate(bundle.config);
  bundle.training = tree.value("training", Json::object());
  bundle.tokenizer = load_report_tokenizer(folder);
  check_vocabulary(*bundle.tokenizer, bundle.config.decoder, folder.string());
  bundle.encoder = load_model(folder / "encoder");
  bundle.writer = std::make_shared<ReportWriter>(bundle.config, bundle.encoder.model);
  assign_own_tensors(*bundle.writer, folder / "writer.safetensors");
  bundle.writer->eval();
  return bundle;
}

}  // namespace deri
