// The page of a training run: its curves, its recipe, and trajectories to read. One HTML file that
// loads nothing, written anew once a minute; while the run lasts it reloads itself.
//
// A run that ends before its last step leaves a page that says so, and no longer reloads.
//
// Made of the run's log, whatever its lines hold; what is shown of it web/run decides.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/rollout.h"
#include "train/run_folder.h"

namespace memagent {

enum class RunState { kRunning, kStopped, kDone };

const char* state_name(RunState state);  // "running", "stopped", "done"

struct RunPage {
  std::string kind;         // "sft" or "rl"
  std::string name;         // of the model
  std::string recipe_json;  // as resolved
  RunState state = RunState::kRunning;
  std::string log = {};           // log.jsonl's text
  std::string samples_json = {};  // sample_trajectories(); empty: none
};

// Of some groups the best and the worst trajectory, without prompts: a JSON array.
std::string sample_trajectories(const std::vector<Group>& groups);

// Empty if this memagent was built without its web pages.
std::string run_page_html(const RunPage& page);

// Writes it as run.html in the run's folder, if there is a page to write.
void write_run_page(const RunFolder& folder, RunPage page);

// Trains by `train`; where that ends with an error, `write` leaves a page that says so before the
// error goes on.
void with_stopped_page(const std::function<void()>& train,
                       const std::function<void(RunState)>& write);

// Lines of a log made few enough to draw: neighbours become their mean, numbers by number, and of
// what is no number the last. At most `most` JSON objects. Lines that are not whole are left out.
std::vector<std::string> thinned_log(const std::string& log, std::size_t most);

}  // namespace memagent
