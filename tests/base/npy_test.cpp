#include "deri/base/npy.hpp"

#include <numeric>

#include "testing/testing.hpp"

#include "deri/base/random.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(Npy, WritesWhatNumpyWrites) {
  // numpy.save of an int16 array of shape (2, 3)
  const std::string header = npy_header("<i2", {2, 3});
  EXPECT_EQ(header.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_THAT(header, HasSubstr("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }"));
  EXPECT_EQ(header.size() % 64, 0U);
  EXPECT_EQ(header.back(), '\n');
  EXPECT_THAT(npy_header("<f4", {5}), HasSubstr("(5,)"));
  EXPECT_EQ(npy_header("<i2", {0, 12, 5000}).size(), npy_header("<i2", {123'456'789, 12, 5000}).size());
}

TEST(Npy, RoundTrip) {
  const TemporaryDirectory folder;
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), -3.5F);
  write_npy<float>(folder.path() / "a.npy", {2, 3, 4}, values);
  const NpyArray<float> array(folder.path() / "a.npy");
  EXPECT_EQ(array.shape(), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_TRUE(std::equal(values.begin(), values.end(), array.values().begin(), array.values().end()));
  EXPECT_DERI_ERROR(NpyArray<double>(folder.path() / "a.npy"), HasSubstr("'<f8' is expected"));
}

TEST(Npy, RefusesDamagedFiles) {
  const auto parse = [](const std::string& text) { parse_npy(bytes_of(text), "x.npy"); };
  const auto with = [](const std::string& dictionary) {
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dictionary.size()) + '\0' + dictionary;
  };
  EXPECT_DERI_ERROR(parse("hello"), HasSubstr("not a .npy file"));
  EXPECT_DERI_ERROR(parse(npy_header("<i2", {4}) + "abc"), HasSubstr("promises 8 bytes"));
  EXPECT_DERI_ERROR(parse(npy_header("<i2", {4}).substr(0, 30)), HasSubstr("cut short"));
  EXPECT_DERI_ERROR(parse(npy_header("<i2", {std::int64_t{1} << 40, std::int64_t{1} << 40})), HasSubstr("impossible"));
  EXPECT_DERI_ERROR(parse(with("{'descr': '>i2', 'fortran_order': False, 'shape': (1,)}")), HasSubstr("'>i2'"));
  EXPECT_DERI_ERROR(parse(with("{'descr': '<i2', 'fortran_order': True, 'shape': (1,)}")), HasSubstr("Fortran"));
  EXPECT_DERI_ERROR(parse(with("{'descr': '<i2', 'fortran_order': False, 'shape': (-1,)}")), HasSubstr("shape"));
  EXPECT_DERI_ERROR(parse(with("{'descr': '<i2'}")), HasSubstr("lacks"));
}

TEST(Npy, SurvivesRandomDamage) {
  const std::string good = npy_header("<f4", {2, 2}) + std::string(16, 'x');
  Rng rng(5);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = good;
    for (int k = 0; k < 3; ++k) damaged[rng.below(damaged.size())] = static_cast<char>(rng.below(256));
    damaged.resize(rng.below(damaged.size() + 1));
    try {
      parse_npy(bytes_of(damaged), "x.npy");
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace deri
