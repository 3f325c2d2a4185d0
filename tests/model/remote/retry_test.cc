#include "model/remote/retry.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Retry, StatusesWorthAskingAgain) {
  for (const long status : {408L, 409L, 429L, 500L, 502L, 503L, 504L, 529L, 599L}) {
    EXPECT_TRUE(is_retryable_status(status)) << status;
  }
  for (const long status : {200L, 301L, 400L, 401L, 403L, 404L, 413L, 422L, 499L, 600L, 0L}) {
    EXPECT_FALSE(is_retryable_status(status)) << status;
  }
}

TEST(Retry, WaitsDoubleUpToTheMost) {
  const BackOff back_off{milliseconds(500), milliseconds(60'000)};
  EXPECT_EQ(back_off.after(1, 1.0), milliseconds(500));
  EXPECT_EQ(back_off.after(2, 1.0), milliseconds(1000));
  EXPECT_EQ(back_off.after(5, 1.0), milliseconds(8000));
  EXPECT_EQ(back_off.after(8, 1.0), milliseconds(60'000));
  EXPECT_EQ(back_off.after(2'000'000'000, 1.0), milliseconds(60'000));
  EXPECT_EQ(back_off.after(2, 0.0), milliseconds(500)) << "jitter takes up to half";
  EXPECT_EQ(back_off.after(2, 0.5), milliseconds(750));
}

TEST(Retry, RetryAfterInSeconds) {
  EXPECT_EQ(parse_retry_after("120", 0), seconds(120));
  EXPECT_EQ(parse_retry_after("0", 0), seconds(0));
  EXPECT_EQ(parse_retry_after("1.5", 0), seconds(2));
  EXPECT_EQ(parse_retry_after("999999999999999999999", 0), seconds(365LL * 24 * 3600));
  EXPECT_EQ(parse_retry_after("", 0), std::nullopt);
  EXPECT_EQ(parse_retry_after("soon", 0), std::nullopt);
}

// The three forms of RFC 9110, section 5.6.7, all of one instant: 784111777 seconds since 1970.
TEST(Retry, RetryAfterAsDate) {
  for (const char* date : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_retry_after(date, 784111777 - 30), seconds(30)) << date;
    EXPECT_EQ(parse_retry_after(date, 784111777 + 30), seconds(0)) << date;
  }
}

}  // namespace
}  // namespace memagent
