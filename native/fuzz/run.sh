#!/usr/bin/env bash
# run.sh SECONDS [KERNEL,…]: fuzz the native kernels against their twins, with libFuzzer and the Python of .venv.
# Inputs that found something new are kept in native/fuzz/corpus, those that failed in native/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
python=$(realpath -s ../../.venv/bin/python)
ask() { "$python" -c "import sysconfig; print(sysconfig.$1)"; }
if [ $# -gt 1 ]; then export KERNELS=$2; fi
export PYO3_PYTHON=$python SITE LD_LIBRARY_PATH PYTHONHOME
SITE=$(ask 'get_path("purelib")')
LD_LIBRARY_PATH=$(ask 'get_config_var("LIBDIR")'):${LD_LIBRARY_PATH:-}
PYTHONHOME=$(ask 'get_config_var("prefix")')
coverage="-sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters -sanitizer-coverage-pc-table"
coverage="$coverage -sanitizer-coverage-trace-compares"
flags="-Cpasses=sancov-module --cfg fuzzing"
for one in $coverage; do flags="$flags -Cllvm-args=$one"; done
# With a target named, build scripts and macros are not instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
env -u PYTHONHOME RUSTFLAGS="$flags" cargo build --quiet --release --target "$host"
mkdir -p corpus artifacts
env -u LD_LIBRARY_PATH -u PYTHONHOME "$python" seeds.py corpus
exec "${CARGO_TARGET_DIR:-target}/$host/release/kernels" corpus -artifact_prefix=artifacts/ \
  -max_total_time="$seconds" -max_len=${MAX_LEN:-2048} -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -verbosity=1
