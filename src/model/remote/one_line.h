// What a peer sent, made fit for one line of an error message: printable, short, without secrets.
//
// Knows nothing about HTTP or JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memagent {

// `bytes` as valid UTF-8 on one line: runs of blanks and control characters become one space,
// invalid sequences '?'; at most `max_bytes` bytes, "..." where something was left out.
std::string one_line(std::string_view bytes, std::size_t max_bytes = 200);

// Removes secrets (API keys, passwords) from text that is about to be shown or stored.
class Scrubber {
 public:
  // Secrets shorter than four bytes are not looked for: they would match ordinary words. The
  // beginning of a secret that one_line() cut short is found too.
  explicit Scrubber(std::vector<std::string> secrets = {});
  std::string operator()(std::string text) const;

 private:
  std::vector<std::string> secrets_;
};

}  // namespace memagent
