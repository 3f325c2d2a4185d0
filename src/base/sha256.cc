#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace memagent {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  MEMAGENT_CHECK(
      context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
      "no SHA-256");
}

void Sha256::update(std::string_view bytes) {
  MEMAGENT_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
                 "SHA-256 of {} bytes", bytes.size());
}

Sha256::Value Sha256::value() {
  Value value{};
  unsigned int size = 0;
  MEMAGENT_CHECK(
      EVP_DigestFinal_ex(context_.get(), value.data(), &size) == 1 && size == value.size(),
      "SHA-256 has {} bytes", size);
  return value;
}

}  // namespace memagent
