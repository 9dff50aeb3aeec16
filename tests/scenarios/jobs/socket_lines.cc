// Lines of a socket, into files.
#include <weir/weir.h>

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters& args) {
  env.SetJobName("Socket Lines");
  env.EnableCheckpointing(std::chrono::milliseconds(100));
  env.SocketTextStream(args.Required("host"), static_cast<uint16_t>(args.GetInt("port", 0)))
      .Uid("lines")
      .Rebalance()
      .SinkTo(weir::TextFileSink(args.Required("output")))
      .Uid("out");
}
