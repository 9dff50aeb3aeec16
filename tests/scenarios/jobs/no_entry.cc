// A shared library that is no job.
extern "C" int answer() { return 42; }
