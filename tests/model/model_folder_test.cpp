#include "deri/model/model_folder.hpp"

#include <fstream>

#include "testing/testing.hpp"
#include <torch/serialize.h>

#include "deri/base/config.hpp"
#include "deri/data/snomed.hpp"
#include "deri/model/huggingface_bert.hpp"
#include "deri/model/text_input.hpp"
#include "deri/model/weights.hpp"

namespace deri {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

ModelConfig small_config() {
  ModelConfig config;
  config.width = 32;
  config.input.rate = 100;
  config.input.seconds = 2;
  config.text.trainable = true;
  config.text.hidden = 32;
  config.text.layers = 2;
  config.text.heads = 2;
  config.text.intermediate = 64;
  config.text.positions = 40;
  config.text.max_tokens = 16;
  return config;
}

std::shared_ptr<const WordPiece> tokenizer() {
  return std::make_shared<WordPiece>(
      std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sinus", "rhythm", "normal", "ecg", "."},
      "test");
}

Prompts prompts() {
  return Prompts::from_json(Json{{"NORM", "normal ecg."}, {"SR", {"sinus rhythm", "sinus"}}}, "test");
}

torch::Tensor text_embedding(const ModelBundle& bundle) {
  const torch::NoGradGuard no_grad;
  const auto ids = tokenize_texts(*bundle.tokenizer, bundle.config.text, {"Sinus  rhythm", "normal ECG."});
  return bundle.model->text_embedding(
      bundle.model->encode_text(make_text_input({&ids[0], &ids[1]}, bundle.config.text, 0, torch::kCPU)));
}

class ModelFolder : public ::testing::Test {
 protected:
  TemporaryDirectory folder_;
  fs::path path_ = folder_.path() / "model";
};

TEST_F(ModelFolder, LoadsWhatWasSaved) {
  ModelBundle bundle = new_model(small_config(), tokenizer(), prompts(), 5);
  EXPECT_EQ(bundle.config.text.vocabulary, 10);
  bundle.training = {{"seed", 5}};
  bundle.model->eval();
  save_model(path_, bundle);
  const ModelBundle again = load_model(path_);
  EXPECT_FALSE(again.model->is_training());
  EXPECT_EQ(write_config(again.config), write_config(bundle.config));
  EXPECT_EQ(again.tokenizer->tokens(), bundle.tokenizer->tokens());
  EXPECT_EQ(again.prompts.texts("SR"), (std::vector<std::string>{"sinus rhythm", "sinus"}));
  EXPECT_EQ(again.training["seed"], 5);
  torch::manual_seed(1);
  const torch::Tensor ecg = torch::randn({2, 12, 200});
  EXPECT_TRUE(torch::equal(again.model->ecg_embedding(ecg), bundle.model->ecg_embedding(ecg)));
  EXPECT_TRUE(torch::equal(text_embedding(again), text_embedding(bundle)));
  EXPECT_THAT(read_file(path_ / "README.md"), AllOf(HasSubstr("resnet18"), HasSubstr("no pretrained language model")));
}

TEST_F(ModelFolder, LoadsWithoutTheTextTower) {
  save_model(path_, new_model(small_config(), tokenizer(), prompts(), 5));
  const ModelBundle all = load_model(path_);
  fs::remove(path_ / "vocab.txt");
  torch::manual_seed(1);
  const torch::Tensor ecg = torch::randn({2, 12, 200});
  torch::manual_seed(1);
  const ModelBundle bundle = load_model(path_, ModelParts::kEcg);
  EXPECT_TRUE(torch::equal(torch::randn({2, 12, 200}), ecg));  // loading draws no weights
  EXPECT_FALSE(bundle.model->has_text_tower());
  for (const EcgView view : {EcgView::kZeroShot, EcgView::kAligned, EcgView::kMix, EcgView::kEncoder})
    EXPECT_TRUE(torch::equal(bundle.model->ecg_view(ecg, view), all.model->ecg_view(ecg, view))) << view_name(view);
  bundle.model->train();
  EXPECT_THROW(bundle.model->encode_text({torch::zeros({1, 2}, torch::kInt64), torch::ones({1, 2}, torch::kBool)}),
               InternalError);
  EXPECT_THROW(save_model(path_ / "again", bundle), InternalError);
}

TEST_F(ModelFolder, TheSeedDecidesTheWeights) {
  const auto first = new_model(small_config(), tokenizer(), {}, 5),
             same = new_model(small_config(), tokenizer(), {}, 5),
             other = new_model(small_config(), tokenizer(), {}, 6);
  EXPECT_TRUE(torch::equal(first.model->parameters()[0], same.model->parameters()[0]));
  EXPECT_FALSE(torch::equal(first.model->parameters()[0], other.model->parameters()[0]));
}

TEST_F(ModelFolder, RefusesFoldersThatAreNotModels) {
  EXPECT_DERI_ERROR(load_model(path_), HasSubstr("no such folder"));
  save_model(path_, new_model(small_config(), tokenizer(), {}, 5));
  Json config = load_json(path_ / "config.json");
  const auto with = [&](const Json& changed) {
    save_json(path_ / "config.json", changed);
    load_model(path_);
  };
  Json other = config;
  other["deri_model_version"] = 7;
  EXPECT_DERI_ERROR(with(other), AllOf(HasSubstr("version 7"), HasSubstr("version 1")));
  other.erase("deri_model_version");
  EXPECT_DERI_ERROR(with(other), HasSubstr("not a deri model"));
  other = config;
  other["model"]["widht"] = 3;
  EXPECT_DERI_ERROR(with(other), HasSubstr("did you mean 'width'"));
  other = config;
  other["model"]["width"] = 64;
  EXPECT_DERI_ERROR(with(other), AllOf(HasSubstr("model.safetensors"), HasSubstr("shape")));
  save_json(path_ / "config.json", config);
  save_tensors(path_ / "model.safetensors", {{"x", torch::ones({1})}});
  EXPECT_DERI_ERROR(load_model(path_), HasSubstr("is missing"));
}

// A HuggingFace BERT folder as the published towers come: names with "bert." in front, a head we do not need, a buffer.
class HuggingFaceFolder : public ModelFolder {
 protected:
  void SetUp() override {
    make_directories(tower_);
    source_ = new_model(small_config(), tokenizer(), {}, 11);
    tokenizer()->save(tower_ / "vocab.txt");
    save_json(tower_ / "config.json", {{"model_type", "bert"},
                                       {"vocab_size", 10},
                                       {"hidden_size", 32},
                                       {"num_hidden_layers", 2},
                                       {"num_attention_heads", 2},
                                       {"intermediate_size", 64},
                                       {"max_position_embeddings", 40}});
  }
  NamedTensors tensors() const {
    NamedTensors tensors;
    for (const auto& [name, tensor] : module_tensors(source_.model->text_tower()))
      tensors.emplace_back("bert." + name, tensor);
    tensors.emplace_back("bert.embeddings.position_ids", torch::arange(40).unsqueeze(0));
    tensors.emplace_back("cls.predictions.bias", torch::zeros({10}));
    return tensors;
  }
  void write_bin() const {
    c10::Dict<std::string, torch::Tensor> state;
    for (const auto& [name, tensor] : tensors()) state.insert(name, tensor.detach());
    const std::vector<char> bytes = torch::pickle_save(state);
    write_file_atomic(tower_ / "pytorch_model.bin", {bytes.data(), bytes.size()});
  }
  ModelConfig config() const {
    ModelConfig config = small_config();
    config.text = TextTowerConfig{};
    config.text.pretrained = tower_.string();
    config.text.max_tokens = 16;
    return config;
  }

  fs::path tower_ = folder_.path() / "bert";
  ModelBundle source_;
};

TEST_F(HuggingFaceFolder, IsLoadedFrozenFromSafetensorsAndFromBin) {
  const auto check = [&] {
    const HuggingFaceBert bert = open_huggingface_bert(tower_, config().text);
    EXPECT_EQ(bert.config.hidden, 32);
    const ModelBundle bundle = new_model(config(), bert.tokenizer, {}, 1);
    const NamedTensors ours = module_tensors(bundle.model->text_tower()),
                       theirs = module_tensors(source_.model->text_tower());
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i)
      EXPECT_TRUE(torch::equal(ours[i].second, theirs[i].second)) << ours[i].first;
    for (const auto& parameter : bundle.model->text_tower().parameters()) EXPECT_FALSE(parameter.requires_grad());
  };
  save_tensors(tower_ / "model.safetensors", tensors());
  check();
  fs::remove(tower_ / "model.safetensors");
  write_bin();
  check();
}

TEST_F(HuggingFaceFolder, WhatIsMissingIsNamed) {
  const auto build = [&] { new_model(config(), open_huggingface_bert(tower_, config().text).tokenizer, {}, 1); };
  EXPECT_DERI_ERROR(build(), HasSubstr("neither model.safetensors nor pytorch_model.bin"));
  write_file_atomic(tower_ / "pytorch_model.bin", "PK\x03\x04 not really");
  EXPECT_DERI_ERROR(build(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("zip")));
  NamedTensors incomplete = tensors();
  incomplete.erase(incomplete.begin());
  save_tensors(tower_ / "model.safetensors", incomplete);
  EXPECT_DERI_ERROR(build(), HasSubstr("is missing"));
  save_json(tower_ / "config.json", {{"vocab_size", 10}});
  EXPECT_DERI_ERROR(build(), AllOf(HasSubstr("config.json"), HasSubstr("'hidden_size'")));
}

TEST(Prompts, RefusesWhatIsNotText) {
  EXPECT_DERI_ERROR(Prompts::from_json(Json::array(), "p.json"), HasSubstr("p.json"));
  EXPECT_DERI_ERROR(Prompts::from_json({{"NORM", 3}}, "p.json"), HasSubstr("'NORM'"));
  EXPECT_DERI_ERROR(Prompts::from_json({{"NORM", Json::array()}}, "p.json"), HasSubstr("'NORM'"));
  EXPECT_DERI_ERROR(prompts().texts("MI"), HasSubstr("'MI'"));
}

TEST(Prompts, TheDefaultsCoverEveryLabel) {
  const fs::path folder = deri::testing::source_dir() / "configs/prompts";
  const Prompts english = Prompts::load(folder / "english.json"), mixed = Prompts::load(folder / "ptbxl.json");
  for (const char* label :
       {"NORM", "MI", "CD", "HYP", "STTC", "LAFB/LPFB", "AVB", "PRC(S)", "NST", "SVTAC", "VCLVH", "AFIB"}) {
    EXPECT_FALSE(english.texts(label).empty());
    EXPECT_GE(mixed.texts(label).size(), english.texts(label).size());
  }
  EXPECT_EQ(Prompts::load(folder / "ptbxl-english.json").to_json().size(), mixed.to_json().size());
  for (const std::string& label : csn_labels()) EXPECT_FALSE(english.texts(label).empty()) << label;
  for (const SnomedLabel& label : kCpscLabels) EXPECT_FALSE(english.texts(std::string(label.label)).empty());
  EXPECT_EQ(english.to_json().size(), 86U);  // 56 names of PTB-XL's labels, 30 more of the other two data sets
}

TEST(TextInput, PadsToTheLongestOrToTheLimit) {
  TextTowerConfig config;
  config.max_tokens = 6;
  const auto ids = tokenize_texts(*tokenizer(), config, {"sinus rhythm normal ecg sinus rhythm", "ecg"});
  EXPECT_EQ(ids[0], (std::vector<std::int32_t>{2, 5, 6, 7, 8, 3}));
  config.pad_to_max = false;
  const TextInput one = make_text_input({&ids[1]}, config, 0, torch::kCPU);
  EXPECT_EQ(one.ids.size(1), 4);  // [CLS] ecg . [SEP]
  const TextInput both = make_text_input({&ids[1], &ids[0]}, config, 0, torch::kCPU);
  EXPECT_EQ(both.ids.sizes(), (std::vector<std::int64_t>{2, 6}));
  EXPECT_EQ(both.mask.sum(1)[0].item<std::int64_t>(), 4);
  config.pad_to_max = true;
  EXPECT_EQ(make_text_input({&ids[1]}, config, 0, torch::kCPU).ids.size(1), 6);
}

}  // namespace
}  // namespace deri
