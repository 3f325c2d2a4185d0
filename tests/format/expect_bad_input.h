// Checks that a bad file gives the kind of error a user can act on.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "memagent/error.h"

namespace memagent {

// Runs `call`; expects an Error(kind) of one line whose message holds `part`.
template <typename Call>
void expect_error(const Call& call, const std::string& part,
                  ErrorKind kind = ErrorKind::kBadInput) {
  try {
    call();
    ADD_FAILURE() << "no error; expected one with '" << part << "'";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.kind(), kind) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1000U) << message;
  }
}

// True if `call` returns, false if it throws Error(kBadInput); anything else is a failure.
template <typename Call>
bool accepted(const Call& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    return false;
  }
}

}  // namespace memagent
