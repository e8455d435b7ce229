#include "deri/base/safetensors.hpp"

#include <cstring>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

class Safetensors : public ::testing::Test {
 protected:
  std::filesystem::path raw(const std::string& header, const std::string& data) {
    std::string text(8, '\0');
    const std::uint64_t length = header.size();
    std::memcpy(text.data(), &length, 8);
    write_file_atomic(path_, text + header + data);
    return path_;
  }
  TemporaryDirectory folder_;
  std::filesystem::path path_ = folder_.path() / "m.safetensors";
};

TEST_F(Safetensors, RoundTrip) {
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> steps = {42};
  write_safetensors(path_,
                    {{"a.weight", {"F32", {2, 3}, std::as_bytes(std::span(weight))}},
                     {"steps", {"I64", {}, std::as_bytes(std::span(steps))}}},
                    {{"format", "pt"}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const TensorView& tensor = file.tensors().at("a.weight");
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(tensor.bytes.data(), weight.data(), 24), 0);
  EXPECT_EQ(file.tensors().at("steps").bytes.size(), 8U);
}

TEST_F(Safetensors, ReadsTheFormatAsSpecified) {
  const SafetensorsFile file(raw(R"({"t":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", "abcd"));
  EXPECT_EQ(static_cast<char>(file.tensors().at("t").bytes[3]), 'd');
}

TEST_F(Safetensors, RefusesDamage) {
  const auto open = [&](const std::string& header) { SafetensorsFile{raw(header, "abcd")}; };
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"F16","shape":[2],"data_offsets":[0,5]}})"), HasSubstr("damaged"));
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})"), HasSubstr("damaged"));
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"Q3","shape":[2],"data_offsets":[0,4]}})"), HasSubstr("impossible"));
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})"),
                    HasSubstr("impossible"));
  EXPECT_DERI_ERROR(open(R"({"t":{"shape":[2]}})"), HasSubstr("malformed"));
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"F16","shape":[2],"data_offsets":[0,1e40]}})"), HasSubstr("whole number"));
  EXPECT_DERI_ERROR(open(R"({"t":{"dtype":"F16","shape":["2"],"data_offsets":[0,4]}})"), HasSubstr("whole number"));
  EXPECT_DERI_ERROR(open("[1]"), HasSubstr("not an object"));
  EXPECT_DERI_ERROR(open("{"), HasSubstr("JSON"));
  write_file_atomic(path_, std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  EXPECT_DERI_ERROR(SafetensorsFile{path_}, HasSubstr("not a safetensors file"));
  write_file_atomic(path_, "abc");
  EXPECT_DERI_ERROR(SafetensorsFile{path_}, HasSubstr("not a safetensors file"));
}

}  // namespace
}  // namespace deri
