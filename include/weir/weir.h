// Everything a job needs.
#pragma once

#include <weir/data_stream.h>
#include <weir/functions.h>
#include <weir/job.h>
#include <weir/job_files.h>
#include <weir/parameters.h>
#include <weir/sink.h>
#include <weir/source.h>
#include <weir/stream_execution_environment.h>
