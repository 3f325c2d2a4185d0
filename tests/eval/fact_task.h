// A task small enough to follow by hand: lines of filler, and among them one fact for each hop.
//
//   filler 17 17 17
//   fact K4.0=V4.0
//
// and a model's part that notes facts and answers from what is noted.
#pragma once

#include <memory>
#include <string>

#include "support/scripted_model.h"
#include "task/task.h"

namespace memagent::test {

struct FactTaskOptions {
  std::string name = "facts";
  std::int32_t hops = 1;
  std::int64_t size = -1;
};
std::shared_ptr<const Task> fact_task(FactTaskOptions options = {});

// Replies with all the facts a prompt holds: as the memory, or as the answer. `forgets`: in some
// prompts, as their hash has it, it overlooks one.
std::string reader_reply(const std::string& prompt, bool forgets);

}  // namespace memagent::test
