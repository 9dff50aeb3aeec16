// FromElements and Print: "shown:N> word" on a TaskManager's standard output.
#include <weir/weir.h>

WEIR_JOB(weir::StreamExecutionEnvironment& env, const weir::Parameters&) {
  env.SetJobName("Print Elements");
  env.FromElements("alpha", "beta", "gamma", "delta").Uid("words").Rebalance().Print("shown");
}
