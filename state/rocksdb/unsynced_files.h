// Files that are never fsynced.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace weir {

// Of the process, with the background threads of RocksDB's own. For databases that nobody opens again: what is lost with the
// machine is lost with its workers, too.
rocksdb::Env& UnsyncedFiles();

}  // namespace weir
