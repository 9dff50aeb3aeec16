#include "client/restore_settings.h"

#include "base/options.h"

namespace weir {

StatusOr<RestoreSettings> ResolveRestore(const Configuration& configuration, const RunOptions& options) {
  RestoreSettings restore;
  restore.path = !options.from_savepoint.empty() ? options.from_savepoint : configuration.Get(options::kExecutionStateRecoveryPath).value_or("");
  // Set in the configuration they are defaults for all jobs; said for this one they mean something.
  const char* const needless = options.allow_non_restored_state ? "--allow-non-restored-state" : options.claim.has_value() ? "--claim-mode" : nullptr;
  if (restore.path.empty() && needless != nullptr) {
    return InvalidArgument(std::string(needless) + " needs a savepoint or checkpoint to start from: --from-savepoint PATH, or execution.state-recovery.path");
  }
  restore.allow_non_restored_state = options.allow_non_restored_state || configuration.Get(options::kExecutionStateRecoveryIgnoreUnclaimedState);
  restore.claim = options.claim.value_or(configuration.Get(options::kExecutionStateRecoveryClaimMode) == ClaimMode::kClaim);
  return restore;
}

}  // namespace weir
