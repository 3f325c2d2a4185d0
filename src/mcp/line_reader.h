// Lines from a descriptor, in bounded memory whatever comes: of a line that is too long nothing is
// kept.
#pragma once

#include <cstddef>
#include <string>

namespace memagent {

class LineReader {
 public:
  enum class Kind { kLine, kTooLong, kEnd };

  // Borrows the descriptor.
  LineReader(int descriptor, std::size_t most_bytes)
      : descriptor_(descriptor), most_bytes_(most_bytes) {}

  // Waits for the next line, which is given without its end; the last need not have one. An error
  // of the descriptor is its end.
  Kind next(std::string& line);

 private:
  bool fill();

  int descriptor_;
  std::size_t most_bytes_;
  std::string buffer_;  // bytes that have come
  std::size_t at_ = 0;  // of them taken
};

}  // namespace memagent
