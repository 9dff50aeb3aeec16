#include "taskmanager/worker_launcher.h"

namespace weir {

WorkerLauncherEvents::~WorkerLauncherEvents() = default;
WorkerLauncher::~WorkerLauncher() = default;

}  // namespace weir
