// Servers that speak TLS: cpp-httplib's, with a certificate made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "memagent/error.h"
#include "memagent/remote_model.h"
#include "model/remote/certificate.h"
#include "model/remote/scripted_server.h"

namespace memagent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Tls : public testing::Test {
 protected:
  ~Tls() override {
    model_.reset();
    if (server_) server_->stop();
    if (thread_.joinable()) thread_.join();
    std::error_code error;
    std::filesystem::remove(certificate_path_, error);
  }

  void serve(const char* alternative_name) {
    identity_ = make_identity(alternative_name);
    write_certificate(identity_, certificate_path_);
    server_ =
        std::make_unique<httplib::SSLServer>(identity_.certificate.get(), identity_.key.get());
    server_->Get("/v1/models", [](const httplib::Request&, httplib::Response& reply) {
      reply.set_content(R"({"data":[{"id":"m"}]})", "application/json");
    });
    server_->Post("/v1/chat/completions", [](const httplib::Request& request,
                                             httplib::Response& reply) {
      reply.set_content(chat_reply(request.get_header_value("Authorization")), "application/json");
    });
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }

  void open(const std::string& ca_file) {
    RemoteModelOptions options;
    options.urls = {"https://127.0.0.1:" + std::to_string(port_) + "/v1"};
    options.api_key = "secret-key";
    options.ca_file = ca_file;
    options.first_retry_wait = std::chrono::milliseconds(1);
    options.max_attempts = 2;
    model_ = open_remote_model(options);
  }

  std::string refusal(const std::string& ca_file) {
    try {
      open(ca_file);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      return error.what();
    }
    return "";
  }

  Identity identity_;
  std::string certificate_path_ = (std::filesystem::temp_directory_path() /
                                   ("memagent_tls_test_" + std::to_string(::getpid()) + ".pem"))
                                      .string();
  std::unique_ptr<httplib::SSLServer> server_;
  std::thread thread_;
  int port_ = 0;
  std::unique_ptr<LanguageModel> model_;
};

TEST_F(Tls, AServerWithATrustedCertificate) {
  serve("IP:127.0.0.1");
  open(certificate_path_);
  GenerationRequest request;
  request.prompt.messages = {{"user", "hello"}};
  request.max_tokens = 10;
  model_->submit(std::move(request));
  std::vector<GenerationResult> results;
  while (results.empty()) model_->wait(results, std::chrono::minutes(1));
  EXPECT_EQ(results[0].text, "Bearer secret-key") << results[0].error;
}

TEST_F(Tls, ACertificateNobodyTrustsIsRefused) {
  serve("IP:127.0.0.1");
  EXPECT_THAT(refusal(""), AllOf(HasSubstr("certificate"), HasSubstr("--ca-file FILE")));
}

TEST_F(Tls, ACertificateForAnotherHostIsRefused) {
  serve("DNS:elsewhere.example");
  EXPECT_THAT(refusal(certificate_path_),
              AllOf(HasSubstr("127.0.0.1"), Not(HasSubstr("--ca-file"))));
}

TEST_F(Tls, CertificatesThatCannotBeReadAreTold) {
  RemoteModelOptions options;
  options.urls = {"https://127.0.0.1:1/v1"};
  options.ca_file = "/nowhere.pem";
  EXPECT_THROW(open_remote_model(options), Error);
}

}  // namespace
}  // namespace memagent
