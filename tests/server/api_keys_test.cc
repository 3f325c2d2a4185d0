// That a wrong key takes as long as a right one. Time cannot be asserted; what takes it can: the
// library's comparison is replaced by one that counts, and every key of the file has to go through
// it as a whole, whichever of them it is that was sent.
#include "server/api_keys.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <vector>

namespace {
std::vector<std::size_t> g_compared;  // bytes, of each call
}

// Instead of libcrypto's: the program's own symbols come first.
extern "C" int CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
  g_compared.push_back(size);
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  unsigned char differs = 0;
  for (std::size_t i = 0; i < size; ++i) differs |= static_cast<unsigned char>(left[i] ^ right[i]);
  return differs;
}

namespace memagent {
namespace {

// printf KEY | sha256sum (coreutils 9.1) of test, test2 and nothing.
constexpr const char* kFile =
    "alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
    "bob 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752\n"
    "carol e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";

std::vector<std::size_t> compared(const ApiKeys& keys, const std::string& authorization) {
  g_compared.clear();
  keys.check(authorization);
  return g_compared;
}

TEST(ApiKeys, AreComparedAsAWholeWhateverIsSent) {
  const ApiKeys keys = ApiKeys::parse(kFile, "keys");
  EXPECT_EQ(keys.check("Bearer test"), "alice");
  const std::vector<std::size_t> all = {32, 32, 32};
  for (const std::string& sent :
       {std::string("Bearer test"), std::string("Bearer test2"), std::string("Bearer "),
        std::string("Bearer tesu"), std::string("Bearer x"), std::string("Bearer test\0", 12),
        std::string("test"), std::string("Basic test"), std::string(),
        "Bearer " + std::string(7000, 'x')}) {
    EXPECT_EQ(compared(keys, sent), all) << sent.substr(0, 20);
  }
}

}  // namespace
}  // namespace memagent
