#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/check.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/input_file.h"
#include "base/mapped_file.h"
#include "base/random.h"

namespace memagent {
namespace {

TEST(Random, FirstOutputOfSplitMix64) {
  // The published SplitMix64 generator seeded with 0 gives this first value.
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFULL);
}

TEST(Random, DrawsDependOnCoordinatesOnly) {
  RandomStream stream(derive(7, 3));
  stream.next();
  EXPECT_EQ(stream.next(), derive(derive(7, 3), 1));
  EXPECT_NE(derive(7, 3), derive(3, 7));
}

TEST(Random, UniformHasTheRightMean) {
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) sum += uniform(42, i);
  // Standard deviation of the mean is 0.0009; the draw is fixed, so this cannot flake.
  EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  RandomStream stream(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(stream.below(7));
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(*seen.rbegin(), 6U);
}

TEST(Hash, PublishedFnv1aVector) {
  Hash64 hash;
  hash.update("foo");
  hash.update("bar");
  EXPECT_EQ(hash.value(),
            0x85944171F73967E8ULL);  // FNV-1a 64 of "foobar", from the FNV test vectors
}

TEST(Check, NamesConditionValuesAndPlace) {
  const int a = 1;
  try {
    MEMAGENT_CHECK(a == 2, "a is {}", a);
    FAIL();
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("a == 2 does not hold: a is 1"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("base_test.cc"), std::string::npos);
  }
}

TEST(Error, KindsMapToExitCodes) {
  EXPECT_EQ(exit_code(ErrorKind::kUsage), 2);
  EXPECT_EQ(exit_code(ErrorKind::kBadInput), 3);
  EXPECT_EQ(exit_code(ErrorKind::kModel), 4);
  EXPECT_EQ(exit_code(ErrorKind::kInterrupted), 130);
}

TEST(InputFile, IsReadWholeOrAsFarAsAskedFor) {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("memagent_input_" + std::to_string(::getpid()) + ".txt");
  const std::string text = std::string(70'000, 'x') + std::string("\r\n\0end", 6);
  std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(read_whole(path), text);
  EXPECT_EQ(read_whole(path, "", 66'000), text.substr(0, 66'000));
  EXPECT_EQ(read_whole(path, "", 0), "");
  std::filesystem::resize_file(path, 0);
  EXPECT_EQ(read_whole(path), "");
  std::filesystem::remove(path);
  EXPECT_THROW(read_whole(path), Error);
  EXPECT_THROW(read_whole("/"), Error);
}

TEST(MappedFile, RefusesWhatIsNotARegularFile) {
  EXPECT_THROW(MappedFile("/"), Error);
  EXPECT_THROW(MappedFile("/nonexistent"), Error);
  EXPECT_THROW(MappedFile("/dev/null"), Error);
}

}  // namespace
}  // namespace memagent
