#include "model/local/model_contents.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/hash.h"
#include "model/local/shipped_model.h"

namespace memagent {
namespace {

namespace fs = std::filesystem;

// 64 pages spread evenly over the file, its size, and its first and last page.
void sample_file(const std::string& path, Hash64& hash) {
  const ModelBytes file(path);
  const std::size_t size = file.bytes().size();
  const auto* data = reinterpret_cast<const char*>(file.bytes().data());
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kSamples = 64;
  hash.update(std::to_string(size));
  for (std::size_t i = 0; i <= kSamples; ++i) {
    const std::size_t length = std::min(kPage, size);
    const auto begin =
        static_cast<std::size_t>(static_cast<unsigned __int128>(size - length) * i / kSamples);
    hash.update({data + begin, length});
  }
}

}  // namespace

std::uint64_t model_contents_hash(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      const std::string extension = entry.path().extension();
      if (extension == ".safetensors" || extension == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  Hash64 hash;
  for (const std::string& file : files) sample_file(file, hash);
  return hash.value();
}

}  // namespace memagent
