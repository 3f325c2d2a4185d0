// A mapped file that is cut short while in use ends the program with one line, not with a crash.
#include "cli/shrunk_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/mapped_file.h"

namespace memagent {
namespace {

TEST(ShrunkFileDeathTest, OneLineAndExitCode3) {
  const std::string path = testing::TempDir() + "/shrinking_file";
  std::ofstream(path) << std::string(1 << 16, 'x');
  EXPECT_EXIT(
      {
        report_shrunk_files();
        const MappedFile file(path);
        std::filesystem::resize_file(path, 0);
        const volatile std::byte* bytes = file.bytes().data();
        exit(bytes[1 << 15] == std::byte{0} ? 1 : 2);
      },
      testing::ExitedWithCode(3), "^memagent: a file was cut short[^\n]*\n$");
  std::filesystem::remove(path);
}

// Each thread that met the lost end said so.
TEST(ShrunkFileDeathTest, OneLineHoweverManyThreadsRead) {
  constexpr std::size_t kThreads = 16;
  const std::string path = testing::TempDir() + "/shrinking_file_of_threads";
  // Without the remedy most tries tell it.
  for (int i = 0; i < 5; ++i) {
    std::ofstream(path) << std::string(kThreads << 12, 'x');
    EXPECT_EXIT(
        {
          report_shrunk_files();
          const MappedFile file(path);
          std::filesystem::resize_file(path, 0);
          const volatile std::byte* bytes = file.bytes().data();
          std::atomic<std::size_t> there{0};
          std::vector<std::thread> threads;
          for (std::size_t page = 0; page < kThreads; ++page) {
            threads.emplace_back([&, page] {
              ++there;
              while (there < kThreads) std::this_thread::yield();
              exit(bytes[page << 12] == std::byte{0} ? 1 : 2);
            });
          }
          for (std::thread& thread : threads) thread.join();
        },
        testing::ExitedWithCode(3), "^memagent: a file was cut short[^\n]*\n$");
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace memagent
