// What flags make of a model's options, without opening any.
#include "cli/model_choice.h"

#include <gtest/gtest.h>

namespace memagent {
namespace {

// Replies that are not streamed were given up after 300 s, whatever was asked for.
TEST(ModelChoice, TheTimeoutHoldsForTheFirstByteToo) {
  ModelChoice choice;
  choice.endpoints = {"http://127.0.0.1:1/v1"};
  const RemoteModelOptions as_they_are = endpoint_options(choice, {});
  EXPECT_EQ(as_they_are.total_timeout, RemoteModelOptions().total_timeout);
  EXPECT_EQ(as_they_are.first_byte_timeout, RemoteModelOptions().first_byte_timeout);
  choice.timeout_seconds = 1200;
  EXPECT_EQ(endpoint_options(choice, {}).total_timeout, std::chrono::seconds(1200));
  EXPECT_EQ(endpoint_options(choice, {}).first_byte_timeout, std::chrono::seconds(1200));
  EXPECT_EQ(endpoint_options(choice, {}).connect_timeout, RemoteModelOptions().connect_timeout);
  choice.timeout_seconds = 5;
  EXPECT_EQ(endpoint_options(choice, {}).first_byte_timeout, std::chrono::seconds(5));
  EXPECT_EQ(endpoint_options(choice, {}).connect_timeout, std::chrono::seconds(5));
}

}  // namespace
}  // namespace memagent
