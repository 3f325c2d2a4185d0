// Files appear whole or not at all, also on a disk that takes no more.
#include "format/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

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

TEST(AtomicFile, TemporaryFilesAreToldByTheirNames) {
  const TemporaryFolder folder;
  const AtomicFile file(folder.path("model.gguf"));
  const std::string name = fs::directory_iterator(folder.path(""))->path().filename().string();
  EXPECT_EQ(target_of_temporary(name), "model.gguf");
  for (const char* other : {"model.gguf", "model.gguf.backup", "model.gguf.part-", "a.part-12345",
                            "a.part-1234567", "a.part-12345X"}) {
    EXPECT_EQ(target_of_temporary(other), "") << other;
  }
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

mode_t rights_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

TEST(AtomicFile, HasTheRightsThatTheUmaskLeaves) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  AtomicFile file(folder.path("f"));
  file.commit();
  ::umask(before);
  EXPECT_EQ(rights_of(folder.path("f")), 0640U);
}

// The umask is the whole process's: files that other threads make meanwhile have to stay private.
TEST(AtomicFile, LeavesTheUmaskAloneForOtherThreads) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(077);
  std::atomic<bool> done{false};
  const auto make = [&](const char* name) {
    while (!done) AtomicFile file(folder.path(name));
  };
  std::thread one(make, "a");
  std::thread two(make, "b");
  mode_t rights = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string path = folder.write("plain", "");
    rights |= rights_of(path);
    fs::remove(path);
  }
  done = true;
  one.join();
  two.join();
  EXPECT_EQ(::umask(before), 077U);
  EXPECT_EQ(rights, 0600U);
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
