// The options of the state backend rocksdb as a worker gets them.
#pragma once

#include <weir/core/status.h>

#include "base/config.h"

namespace weir::proto {
class RocksDbSettings;
}

namespace weir {

// `own`: the TaskManager's configuration, whose memory is dealt out; `merged`: with the job's over it. kInvalidArgument names
// the key.
Status SetRocksDb(const Configuration& own, const Configuration& merged, proto::RocksDbSettings& settings);

}  // namespace weir
