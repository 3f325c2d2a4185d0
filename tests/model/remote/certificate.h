// A key and a certificate signed by itself, for servers on loopback that speak TLS.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace memagent {

struct Identity {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, &EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> certificate{nullptr, &X509_free};
};

// For a host ("DNS:elsewhere.example") or an address ("IP:127.0.0.1"), from an hour ago to in one.
Identity make_identity(const char* alternative_name);

// As PEM, for clients to trust.
void write_certificate(const Identity& identity, const std::string& path);

}  // namespace memagent
