#include "session/fingerprint.h"

#include <vector>

#include "base/hash.h"

namespace memagent {

DocumentFingerprint fingerprint(DocumentSource& source) {
  DocumentFingerprint result;
  result.name = source.name();
  Hash64 hash;
  std::vector<char> buffer(std::size_t{1} << 16);
  for (std::size_t count; (count = source.read(buffer)) > 0;) {
    hash.update({buffer.data(), count});
    result.bytes += static_cast<std::int64_t>(count);
  }
  result.hash = hash.value();
  source.rewind();
  return result;
}

}  // namespace memagent
