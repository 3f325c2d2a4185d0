// The folder of a training run: what is in it, and the lock that keeps two runs out of each other's
// way.
//
//   recipe.json               the resolved recipe
//   log.jsonl                 one line a step, in order; a resumed run cuts what its checkpoint has
//                             not seen
//   checkpoint*.safetensors   checkpoint.h
//   model.gguf                the weights as they are now
#pragma once

#include <cstdint>
#include <string>

namespace memagent {

class RunFolder {
 public:
  // Makes the folder. Throws Error(kUsage) if it holds a run and `resume` is not given, or a run of
  // another recipe; Error(kStorage) if it cannot be written or another process trains in it.
  RunFolder(const std::string& path, const std::string& recipe_json, bool resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // Appends a line to log.jsonl. Throws Error(kStorage).
  void log(const std::string& json);
  // Bytes of log.jsonl so far: kept in checkpoints, and given back to cut_log().
  std::int64_t log_bytes() const { return log_bytes_; }
  void cut_log(std::int64_t bytes);
  std::string file(const char* name) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
  int log_ = -1;
  std::int64_t log_bytes_ = 0;
};

}  // namespace memagent
