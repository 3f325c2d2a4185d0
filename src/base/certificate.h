// What OpenSSL found about a server's certificate.
#pragma once

namespace memagent {

// Whether nobody who is trusted vouches for it. `verdict`: what SSL_get_verify_result() says, which
// libcurl hands on as CURLINFO_SSL_VERIFYRESULT.
inline bool is_untrusted_certificate(long verdict) {
  constexpr long kGood = 0;
  constexpr long kNotLookedAt = 1;  // libcurl's, where the name alone was found to be another
  constexpr long kNotYetValid = 9;
  constexpr long kExpired = 10;
  return verdict != kGood && verdict != kNotLookedAt && verdict != kNotYetValid &&
         verdict != kExpired;
}

}  // namespace memagent
