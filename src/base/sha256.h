// SHA-256 (FIPS 180-4) of bytes that come in pieces, by OpenSSL.
#pragma once

#include <array>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace memagent {

class Sha256 {
 public:
  using Value = std::array<unsigned char, 32>;

  Sha256();
  void update(std::string_view bytes);
  // Of all bytes so far; nothing may be added afterwards.
  Value value();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace memagent
