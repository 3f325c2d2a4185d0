// What an endpoint may send: whole replies, streams cut anywhere, error bodies, lists of models,
// tokens. The first byte chooses where the streams are cut. Checks that nothing crashes, that a
// stream cut otherwise gives the same, and that whatever is shown to a user is one line of UTF-8.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/remote/one_line.h"
#include "model/remote/retry.h"
#include "model/remote/wire.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_shown(const std::string& text) {
  require(std::all_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x20; }));
  require(memagent::one_line(text, text.size() + 10) == text);
}

memagent::ReplyCheck read_stream(memagent::EndpointApi api, std::string_view bytes,
                                 std::size_t piece) {
  memagent::StreamReader reader(api, {"KEEP"}, 4096);
  while (!bytes.empty() && reader.feed(bytes.substr(0, piece))) {
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return reader.check();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memagent;
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16 + std::size_t{1};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const EndpointApi api : {EndpointApi::kChat, EndpointApi::kCompletions}) {
    check_shown(read_reply(bytes, api).problem);
    const ReplyCheck whole = read_stream(api, bytes, bytes.size() + 1);
    const ReplyCheck cut = read_stream(api, bytes, piece);
    check_shown(whole.problem);
    require(whole.problem == cut.problem);
    require(whole.reply.text == cut.reply.text);
    require(whole.reply.generated_tokens == cut.reply.generated_tokens);
  }
  check_shown(error_message(bytes));
  read_models(bytes);
  read_props_context(bytes);
  for (const TokenizeForm form : {TokenizeForm::kLlamaCpp, TokenizeForm::kVllm}) {
    const auto tokens = read_tokens(form, bytes, "Hello world");
    if (!tokens) continue;
    std::string joined;
    for (const Piece& token : *tokens) joined += token.bytes;
    require(joined == "Hello world");
  }
  if (const auto wait =
          parse_retry_after(std::string(bytes.substr(0, bytes.find('\0'))), 1'000'000)) {
    require(wait->count() >= 0);
  }
  return 0;
}
