// The worker's malloc is jemalloc: keyed state is many blocks of some 100 KB, touched at random, and on pages of 4 KB half
// of the time of an update goes into the page walk. With huge pages an update of 10 million keys takes 0.55 of the time.
// Large buffers, as of snapshots, are kept for the next one: a page that comes fresh from the kernel is cleared first.
extern "C" {
// Read by jemalloc before main; `man jemalloc`, "TUNING". Its declaration there is not const.
__attribute__((used, visibility("default"))) const char* malloc_conf = "thp:always,metadata_thp:auto,oversize_threshold:0";
}
