#include "deri/base/files.hpp"

#include <fstream>

#include "testing/testing.hpp"

namespace deri {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(AtomicFile, AppearsOnlyOnCommit) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "a.txt";
  {
    AtomicFile file(path);
    file.write("half");
  }
  EXPECT_EQ(entries(folder.path()), 0U);
  AtomicFile file(path);
  file.write("whole");
  EXPECT_FALSE(fs::exists(path));
  file.commit();
  EXPECT_EQ(read_file(path), "whole");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(AtomicFile, OverwritesEarlierBytesAndGoesOnAtTheEnd) {
  const TemporaryDirectory folder;
  AtomicFile file(folder.path() / "a");
  file.write("0000 body");
  const std::string count = "1234";
  file.overwrite(0, std::as_bytes(std::span(count)));
  file.write(" tail");
  file.commit();
  EXPECT_EQ(read_file(folder.path() / "a"), "1234 body tail");
}

TEST(AtomicFile, LargeBlocksKeepTheirOrder) {
  const TemporaryDirectory folder;
  std::string expected;
  AtomicFile file(folder.path() / "a");
  for (const std::size_t size : {std::size_t{10}, std::size_t{3} << 20, std::size_t{7}}) {
    const std::string block(size, static_cast<char>('a' + expected.size() % 26));
    file.write(block);
    expected += block;
  }
  file.commit();
  EXPECT_EQ(read_file(folder.path() / "a"), expected);
}

TEST(AtomicFile, MissingFolderIsNamed) {
  EXPECT_DERI_ERROR(AtomicFile("/no/such/folder/file"), HasSubstr("/no/such/folder/file"));
}

TEST(ReadFile, RefusesFoldersMissingAndOversizedFiles) {
  const TemporaryDirectory folder;
  EXPECT_DERI_ERROR(read_file(folder.path()), HasSubstr("folder"));
  EXPECT_DERI_ERROR(read_file(folder.path() / "none"), HasSubstr("No such file"));
  write_file_atomic(folder.path() / "big", std::string(100, 'x'));
  EXPECT_DERI_ERROR(read_file(folder.path() / "big", 99), HasSubstr("more than the 99"));
}

TEST(StagedDirectory, AppearsWholeOrNotAtAll) {
  const TemporaryDirectory folder;
  const fs::path target = folder.path() / "out";
  {
    const StagedDirectory staged(target);
    write_file_atomic(staged.path() / "f", "1");
  }
  EXPECT_EQ(entries(folder.path()), 0U);
  {
    StagedDirectory staged(target);
    write_file_atomic(staged.path() / "f", "1");
    staged.commit();
  }
  EXPECT_EQ(read_file(target / "f"), "1");
  EXPECT_DERI_ERROR(StagedDirectory{target}, HasSubstr("exists already"));
  StagedDirectory staged(target, true);
  write_file_atomic(staged.path() / "f", "2");
  EXPECT_EQ(read_file(target / "f"), "1");
  staged.commit();
  EXPECT_EQ(read_file(target / "f"), "2");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(StagedDirectory, KeepsWhatAnotherRunIsToGoOnWith) {
  const TemporaryDirectory folder;
  const fs::path target = folder.path() / "out";
  {
    StagedDirectory staged(target);
    write_file_atomic(staged.path() / "f", "1");
    staged.keep(true);
  }
  EXPECT_EQ(read_file(folder.path() / "out.partial/f"), "1");
  {
    const StagedDirectory staged(target, false, StagedDirectory::Leftover::kKeep);
    EXPECT_EQ(read_file(staged.path() / "f"), "1");
  }
  EXPECT_EQ(read_file(folder.path() / "out.partial/f"), "1");
  { const StagedDirectory staged(target); }
  EXPECT_EQ(entries(folder.path()), 0U);
}

TEST(AppendFile, GrowsAndIsCutBack) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "f";
  const std::string large(100'000, 'x');
  {
    AppendFile file(path);
    file.write("head");
    file.write(large);
    file.write("tail");
    EXPECT_EQ(file.size(), large.size() + 8);
    EXPECT_EQ(fs::file_size(path), large.size() + 4);  // small writes wait for flush()
    file.overwrite(0, std::as_bytes(std::span("HEAD", 4)));
    file.write("lost: never flushed");
  }
  EXPECT_EQ(read_file(path), "HEAD" + large + "tail");
  AppendFile file(path);
  EXPECT_EQ(file.size(), large.size() + 8);
  file.cut(5);
  file.write("!");
  file.sync();
  EXPECT_EQ(read_file(path), "HEADx!");
  EXPECT_DERI_ERROR(file.cut(7), HasSubstr("shorter"));
  EXPECT_DERI_ERROR(AppendFile{path}, HasSubstr("another process"));
  EXPECT_DERI_ERROR(AppendFile{folder.path() / "none/f"}, HasSubstr("cannot write"));
}

TEST(MappedFile, ShowsTheBytesAndAnEmptyFile) {
  const TemporaryDirectory folder;
  write_file_atomic(folder.path() / "f", "abc");
  write_file_atomic(folder.path() / "empty", "");
  const MappedFile file(folder.path() / "f");
  ASSERT_EQ(file.bytes().size(), 3U);
  EXPECT_EQ(static_cast<char>(file.bytes()[1]), 'b');
  EXPECT_TRUE(MappedFile(folder.path() / "empty").bytes().empty());
}

}  // namespace
}  // namespace deri
