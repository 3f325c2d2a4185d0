// Files appear whole or not at all, also on a disk that takes no more.
#include "format/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "format/expect_bad_input.h"
#include "format/temporary_folder.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(AtomicFile, AppearsAtCommit) {
  const TemporaryFolder folder;
  AtomicFile file(folder.path("f"));
  file.write("hello ");
  file.write(std::string(3 << 20, 'x'));
  EXPECT_FALSE(fs::exists(folder.path("f")));
  file.commit();
  EXPECT_EQ(fs::file_size(folder.path("f")), 6U + (3 << 20));
  EXPECT_EQ(files_in(folder.path("")), 1U);
}

TEST(AtomicFile, LeavesTheOldFileUntilThen) {
  const TemporaryFolder folder;
  folder.write("f", "old");
  {
    AtomicFile file(folder.path("f"));
    file.write("new");
  }
  EXPECT_EQ(TemporaryFolder::read(folder.path("f")), "old");
  EXPECT_EQ(files_in(folder.path("")), 1U);
}

TEST(AtomicFile, RefusesPlacesThatCannotBeWritten) {
  const TemporaryFolder folder;
  expect_error([&] { AtomicFile(folder.path("no/such/folder/f")); }, "No such file",
               ErrorKind::kStorage);
  expect_error([&] { AtomicFile(folder.path("")); }, "not a regular file", ErrorKind::kStorage);
  expect_error([] { AtomicFile("/dev/null"); }, "not a regular file", ErrorKind::kStorage);
}

// A limit on the size of files stands in for a full disk: both make write() come up short.
TEST(AtomicFile, FullDiskIsOneErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 2 << 20, old.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(
      [&] {
        AtomicFile file(folder.path("f"));
        file.write(std::string(5 << 20, 'x'));
        file.commit();
      },
      "free some space", ErrorKind::kStorage);
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(files_in(folder.path("")), 0U);
}

}  // namespace
}  // namespace memagent
