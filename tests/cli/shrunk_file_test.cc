// A mapped file that is cut short while in use ends the program with one line, not with a crash.
#include "cli/shrunk_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

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

}  // namespace
}  // namespace memagent
