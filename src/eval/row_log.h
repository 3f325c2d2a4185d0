// The folder of an evaluation: its settings and, line by line, every finished row.
//
//   settings.json   what rows depend on; a run that goes on must have the same
//   rows.jsonl      one finished row a line, each on the disk before the next is begun
//
// A process killed at any instant leaves whole lines and at most one torn one, which is dropped.
// One run at a time: the kernel's lock on rows.jsonl goes when the process does.
#pragma once

#include <functional>
#include <string>

#include "eval/row_result.h"

namespace memagent {

class RowLog {
 public:
  // Makes the folder, or goes on with it. `settings_json` is one flat object. Throws Error(kUsage)
  // naming what differs from the run that began it, or if another run has it open; Error(kStorage)
  // for a folder that cannot be written.
  RowLog(std::string folder, const std::string& settings_json);
  RowLog(const RowLog&) = delete;
  RowLog& operator=(const RowLog&) = delete;

  // Rows that were finished when the log was opened. Throws Error(kBadInput) naming a line that is
  // none.
  void read(const std::function<void(RowResult)>& visit) const;
  // On the disk when it returns.
  void append(const RowResult& result);

  const std::string& folder() const { return folder_; }

 private:
  std::string rows_path() const { return folder_ + "/rows.jsonl"; }
  void check_settings(const std::string& settings_json) const;
  void open_rows();
  void drop_torn_line();
  [[noreturn]] void fail_with(int reason) const;

  struct File {
    ~File();
    int descriptor = -1;
  };

  std::string folder_;
  File rows_;  // locked as long as it is open
};

}  // namespace memagent
