#include "deri/model/writer_folder.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/small_writer.hpp"
#include "testing/testing.hpp"

#include "deri/base/config.hpp"
#include "deri/model/weights.hpp"
#include "deri/nn/decoding.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using torch::Tensor;
namespace fs = std::filesystem;

constexpr std::uint64_t kWriterSeed = 5;

std::shared_ptr<const WordPiece> encoder_vocabulary() {
  return std::make_shared<WordPiece>(std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sinus",
                                                              "rhythm", "normal", "ecg", ".", "##al"},
                                     "test");
}

ModelBundle encoder_bundle(std::int64_t width = 16) {
  ModelConfig config = testing::small_config("deri");
  config.input.seconds = 2;
  config.width = width;
  config.text.trainable = true;
  return new_model(config, encoder_vocabulary(), {}, 2);
}

// The vocabulary that goes with a kind of decoder.
std::shared_ptr<const ReportTokenizer> tokenizer_for(const std::string& kind) {
  return kind == "gpt2" ? make_report_tokenizer(testing::small_bpe()) : make_report_tokenizer(*encoder_vocabulary());
}

WriterBundle small_bundle(const std::string& kind, std::int64_t encoder_width = 16) {
  WriterBundle bundle =
      new_writer(testing::small_writer_config(kind), encoder_bundle(encoder_width), tokenizer_for(kind), kWriterSeed);
  testing::make_decisive(bundle.writer->decoder(), 7);
  bundle.writer->eval();
  return bundle;
}

Tensor five_encoded(const WriterBundle& bundle) {
  torch::manual_seed(31);
  const torch::NoGradGuard no_grad;
  return bundle.writer->encode(torch::rand({5, 12, 200}));
}

// Of encodings that differ more than those of an untrained encoder do.
std::vector<std::string> greedy_texts(const WriterBundle& bundle) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(41);
  const Tensor encoded = 3 * torch::randn({5, 4, 16});
  const DecodingOptions greedy{
      .bos = bundle.tokenizer->begin_id(), .eos = bundle.tokenizer->end_id(), .max_length = 20, .beams = 1};
  std::vector<std::string> texts;
  for (const DecodedText& text : decode(bundle.writer->decoder(), bundle.writer->memory(encoded), greedy))
    texts.push_back(bundle.tokenizer->decode(text.ids));
  return texts;
}

double loss_of_reports(const WriterBundle& bundle) {
  const torch::NoGradGuard no_grad;
  TextInput text = testing::small_text(5, 9);
  text.ids = text.ids % static_cast<std::int64_t>(bundle.tokenizer->size());
  return bundle.writer->loss(text.ids, text.mask, five_encoded(bundle)).item<double>();
}

class WriterFolder : public ::testing::Test {
 protected:
  TemporaryDirectory folder_;
  fs::path path_ = folder_.path() / "writer";
};

class WriterFolderOfKind : public WriterFolder, public ::testing::WithParamInterface<const char*> {};

TEST_P(WriterFolderOfKind, LoadsWhatWasSaved) {
  WriterBundle bundle = small_bundle(GetParam());
  bundle.training = {{"seed", 5}};
  save_writer(path_, bundle);
  const WriterBundle again = load_writer(path_);
  EXPECT_FALSE(again.writer->is_training());
  EXPECT_FALSE(again.encoder.model->is_training());
  EXPECT_EQ(write_config(again.config), write_config(bundle.config));
  EXPECT_EQ(again.training["seed"], 5);
  EXPECT_EQ(again.tokenizer->size(), bundle.tokenizer->size());
  EXPECT_EQ(&again.writer->encoder(), again.encoder.model.get());
  EXPECT_EQ(loss_of_reports(again), loss_of_reports(bundle));
  const std::vector<std::string> texts = greedy_texts(bundle);
  EXPECT_EQ(greedy_texts(again), texts);
  EXPECT_GT(std::set<std::string>(texts.begin(), texts.end()).size(), 1U) << "all alike: the test tells nothing";
  EXPECT_THAT(
      read_file(path_ / "README.md"),
      AllOf(HasSubstr(GetParam()), HasSubstr("deri, aligned encoding, every token"), HasSubstr("2 layers, width 16"),
            HasSubstr("no pretrained language model"), HasSubstr(fmt::format("{} tokens", bundle.tokenizer->size())),
            HasSubstr("\"seed\": 5"), HasSubstr("Not a medical device")));
}

INSTANTIATE_TEST_SUITE_P(Kinds, WriterFolderOfKind, ::testing::Values("gpt2", "relational"));

TEST_F(WriterFolder, TheSeedDecidesTheWeights) {
  const ModelBundle encoder = encoder_bundle();
  const auto fingerprint = [&](std::uint64_t seed) {
    return weights_fingerprint(
        *new_writer(testing::small_writer_config("gpt2"), encoder, tokenizer_for("gpt2"), seed).writer);
  };
  EXPECT_EQ(fingerprint(5), fingerprint(5));
  EXPECT_NE(fingerprint(5), fingerprint(6));
}

TEST_F(WriterFolder, TheVocabularyIsTheTokenizers) {
  EXPECT_EQ(small_bundle("gpt2").config.decoder.vocabulary, 263);
  EXPECT_EQ(small_bundle("relational").config.decoder.vocabulary, 11);
}

TEST_F(WriterFolder, TheEncoderLiesInItsOwnFolderAndOnlyThere) {
  const WriterBundle bundle = small_bundle("gpt2");
  save_writer(path_, bundle);
  const ModelBundle encoder = load_model(path_ / "encoder");
  EXPECT_EQ(weights_fingerprint(*encoder.model), weights_fingerprint(*bundle.encoder.model));
  std::map<std::string, Tensor> tensors = load_tensors(path_ / "writer.safetensors");
  for (const auto& entry : tensors)
    EXPECT_TRUE(entry.first.starts_with("head.") || entry.first.starts_with("decoder.")) << entry.first;
  tensors["encoder.downconv.bias"] = torch::zeros({16});
  save_tensors(path_ / "writer.safetensors", {tensors.begin(), tensors.end()});
  EXPECT_DERI_ERROR(load_writer(path_), AllOf(HasSubstr("writer.safetensors"), HasSubstr("encoder.downconv.bias")));
}

TEST_F(WriterFolder, WhatIsNoWriterIsRefused) {
  EXPECT_DERI_ERROR(load_writer(path_), AllOf(HasSubstr(path_.string()), HasSubstr("no such folder")));
  make_directories(path_);
  EXPECT_DERI_ERROR(load_writer(path_), HasSubstr((path_ / "config.json").string()));
  save_json(path_ / "config.json", Json::array());
  EXPECT_DERI_ERROR(load_writer(path_), HasSubstr("not a report writer"));
}

TEST_F(WriterFolder, AnEncoderIsNoWriterAndAWriterNoEncoder) {
  save_writer(path_, small_bundle("gpt2"));
  EXPECT_DERI_ERROR(load_writer(path_ / "encoder"),
                    AllOf(HasSubstr((path_ / "encoder" / "config.json").string()), HasSubstr("not a report writer"),
                          HasSubstr("deri report train")));
  EXPECT_DERI_ERROR(load_model(path_), AllOf(HasSubstr("report writer"), HasSubstr((path_ / "encoder").string())));
}

TEST_F(WriterFolder, ConfigurationsOfOthersAreRefused) {
  save_writer(path_, small_bundle("gpt2"));
  const fs::path file = path_ / "config.json";
  const Json config = load_json(file);
  const auto with = [&](const std::function<void(Json&)>& change) {
    Json changed = config;
    change(changed);
    save_json(file, changed);
    load_writer(path_);
  };
  const auto names_file = HasSubstr(file.string());
  EXPECT_DERI_ERROR(with([](Json& tree) { tree["deri_writer_version"] = 7; }),
                    AllOf(names_file, HasSubstr("version 7"), HasSubstr("version 1")));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree.erase("deri_writer_version"); }),
                    AllOf(names_file, HasSubstr("not a report writer")));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree.erase("writer"); }), AllOf(names_file, HasSubstr("'writer'")));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree["writer"]["memroy"] = "pooled"; }),
                    AllOf(names_file, HasSubstr("did you mean 'memory'")));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree["writer"]["decoder"]["widht"] = 8; }),
                    AllOf(names_file, HasSubstr("did you mean 'decoder.width'")));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree["writer"]["decoder"]["heads"] = 3; }), HasSubstr("decoder.heads is 3"));
  EXPECT_DERI_ERROR(with([](Json& tree) { tree["writer"]["decoder"]["layers"] = 1; }),
                    AllOf(HasSubstr("writer.safetensors"), HasSubstr("decoder.transformer.h.1")));
  with([](Json&) {});
}

TEST_F(WriterFolder, PartsOfOtherWritersAreRefused) {
  save_writer(path_, small_bundle("gpt2"));
  make_report_tokenizer(testing::small_bpe({"[MASK]"}))->save(path_);
  EXPECT_DERI_ERROR(load_writer(path_), AllOf(HasSubstr(path_.string()), HasSubstr("264 tokens"), HasSubstr("263"),
                                              HasSubstr("different models")));
  tokenizer_for("gpt2")->save(path_);
  load_writer(path_);

  const ModelBundle wider = encoder_bundle(32);
  save_model(path_ / "encoder", wider);
  EXPECT_DERI_ERROR(load_writer(path_), AllOf(HasSubstr("writer.safetensors"), HasSubstr("encoder"), HasSubstr("32"),
                                              HasSubstr("16"), HasSubstr("different models")));
}

TEST_F(WriterFolder, MissingFilesAreNamed) {
  save_writer(path_, small_bundle("relational"));
  const auto without = [&](const char* file) {
    fs::rename(path_ / file, folder_.path() / "aside");
    std::string message;
    try {
      load_writer(path_);
    } catch (const Error& error) {
      message = error.what();
    }
    fs::rename(folder_.path() / "aside", path_ / file);
    return message;
  };
  for (const char* file : {"writer.safetensors", "config.json", "encoder", "encoder/model.safetensors"})
    EXPECT_THAT(without(file), HasSubstr((path_ / file).string()));
  EXPECT_THAT(without("vocab.txt"), HasSubstr((path_ / "vocab").string()));
}

TEST_F(WriterFolder, AnOlderFolderOfThatNameIsReplaced) {
  save_writer(path_, small_bundle("relational"));
  const WriterBundle bundle = small_bundle("gpt2");
  save_writer(path_, bundle);
  EXPECT_FALSE(fs::exists(path_ / "vocab.txt"));
  EXPECT_EQ(load_writer(path_).config.decoder.kind, "gpt2");
}

// ---- Configurations that cannot be built

TEST(ValidateWriter, DefaultsAreThePublishedDecoder) {
  validate(ReportWriterConfig{});
}

struct BadWriterSetting {
  const char* message;  // what the error must say
  std::function<void(ReportWriterConfig&)> spoil;
};

class ValidateWriter : public ::testing::TestWithParam<BadWriterSetting> {};

TEST_P(ValidateWriter, NamesTheKey) {
  ReportWriterConfig config = testing::small_writer_config("relational");
  validate(config);
  GetParam().spoil(config);
  EXPECT_DERI_ERROR(validate(config), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    BadSettings, ValidateWriter,
    ::testing::Values(
        BadWriterSetting{"did you mean \"pooled\"", [](ReportWriterConfig& c) { c.memory = "poled"; }},
        BadWriterSetting{"encoding is \"zero-shot\"", [](ReportWriterConfig& c) { c.encoding = "zero-shot"; }},
        BadWriterSetting{"decoder.kind is \"bert\": choose one of gpt2, relational",
                         [](ReportWriterConfig& c) { c.decoder.kind = "bert"; }},
        BadWriterSetting{"decoder.pretrained is for decoder.kind gpt2",
                         [](ReportWriterConfig& c) { c.decoder.pretrained = "distilgpt2"; }},
        BadWriterSetting{"max_tokens is 25: choose 3 to 24", [](ReportWriterConfig& c) { c.max_tokens = 25; }},
        BadWriterSetting{"max_tokens is 2", [](ReportWriterConfig& c) { c.max_tokens = 2; }},
        BadWriterSetting{"decoder.positions is 0", [](ReportWriterConfig& c) { c.decoder.positions = 0; }},
        BadWriterSetting{"decoder.vocabulary is 3", [](ReportWriterConfig& c) { c.decoder.vocabulary = 3; }},
        BadWriterSetting{"decoder.layers is 0", [](ReportWriterConfig& c) { c.decoder.layers = 0; }},
        BadWriterSetting{"decoder.heads is 5, which does not divide decoder.width 16",
                         [](ReportWriterConfig& c) { c.decoder.heads = 5; }},
        BadWriterSetting{"decoder.heads is 0", [](ReportWriterConfig& c) { c.decoder.heads = 0; }},
        BadWriterSetting{"decoder.relation_heads is 3", [](ReportWriterConfig& c) { c.decoder.relation_heads = 3; }},
        BadWriterSetting{"decoder.width is 15: choose an even number",
                         [](ReportWriterConfig& c) {
                           c.decoder.width = 15;
                           c.decoder.heads = 3;
                           c.decoder.relation_heads = 3;
                         }},
        BadWriterSetting{"decoder.slots is 0", [](ReportWriterConfig& c) { c.decoder.slots = 0; }},
        BadWriterSetting{"decoder.feed_forward is 0", [](ReportWriterConfig& c) { c.decoder.feed_forward = 0; }},
        BadWriterSetting{"decoder.dropout is 1", [](ReportWriterConfig& c) { c.decoder.dropout = 1; }},
        BadWriterSetting{"decoder.memory_dropout is -1", [](ReportWriterConfig& c) { c.decoder.memory_dropout = -1; }},
        BadWriterSetting{"the decoder would have",
                         [](ReportWriterConfig& c) {
                           c.decoder.width = 4096;
                           c.decoder.layers = 256;
                         }},
        BadWriterSetting{"the decoder would have", [](ReportWriterConfig& c) {
                           c.decoder.kind = "gpt2";
                           c.decoder.width = 2048;
                           c.decoder.layers = 1;
                           c.decoder.vocabulary = 1'000'000;
                         }}));

}  // namespace
}  // namespace deri
