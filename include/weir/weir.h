// Everything a job needs.
#pragma once

#include <weir/broadcast_functions.h>
#include <weir/checkpointed_function.h>
#include <weir/co_functions.h>
#include <weir/data_stream.h>
#include <weir/functions.h>
#include <weir/job.h>
#include <weir/job_files.h>
#include <weir/output_tag.h>
#include <weir/parameters.h>
#include <weir/sink.h>
#include <weir/sink_function.h>
#include <weir/source.h>
#include <weir/source_function.h>
#include <weir/stream_execution_environment.h>
#include <weir/timer_service.h>
#include <weir/watermark_strategy.h>
