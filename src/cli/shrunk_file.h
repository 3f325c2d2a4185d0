// A mapped file that loses its end while it is in use (a model file overwritten by a download, say)
// reaches the process as SIGBUS. This turns it into one line and exit code 3; what a session has
// committed is kept, as after any kill.
#pragma once

namespace memagent {

// For the program only: a library must not take over signals.
void report_shrunk_files();

}  // namespace memagent
