// The folder of a training run: what is in it, and the lock that keeps two runs out of each other's
// way. Of processes that train together only the leading one writes.
//
//   recipe.json               the resolved recipe
//   log.jsonl                 one line a step, in order; a resumed run cuts what its checkpoint has
//                             not seen
//   checkpoint*.safetensors   checkpoint.h
//   model.gguf                the weights as they are now
//   run.html                  run_page.h, as of the last checkpoint
#pragma once

#include <cstdint>
#include <string>

#include "train/data_parallel.h"

namespace memagent {

class RunFolder {
 public:
  // Makes the folder. Throws Error(kUsage) if it holds a run and `resume` is not given, or a run of
  // another recipe, or if the group's processes have different ones; Error(kStorage) if it cannot
  // be written or another run trains in it.
  RunFolder(const std::string& path, const std::string& recipe_json, bool resume,
            const DataParallelGroup& group);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // Appends a line to log.jsonl. Throws Error(kStorage).
  void log(const std::string& json);
  // Bytes of log.jsonl so far: kept in checkpoints, and given back to cut_log().
  std::int64_t log_bytes() const { return log_bytes_; }
  void cut_log(std::int64_t bytes);
  std::string log_text() const;
  std::string file(const char* name) const;

  const std::string& path() const { return path_; }

 private:
  void take(const std::string& recipe_json, bool resume);

  std::string path_;
  int lock_ = -1;  // that and the log: -1 where another process writes
  int log_ = -1;
  std::int64_t log_bytes_ = 0;
};

}  // namespace memagent
