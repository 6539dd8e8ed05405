#!/bin/sh
# Runs one fuzz target for some seconds: fuzz/run.sh FOLDER TARGET [SECONDS]
# FOLDER is ., scxml or vxml; new inputs go to its target/corpus. Needs a C++ compiler for libFuzzer.
set -eu
cd "$(dirname "$0")/$1"
target=$2
seconds=${3:-60}
# The targets of a folder share their corpus where it is not divided.
corpus=corpus/$target
[ -d "$corpus" ] || corpus=corpus
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz sets as well; the flags must not reach build scripts, hence --target.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
${CARGO:-cargo} build --release --target "$host" --bin "$target"
mkdir -p "target/corpus/$target"
exec "target/$host/release/$target" "target/corpus/$target" "$corpus" \
    -max_total_time="$seconds" -timeout="${TIMEOUT:-20}" -rss_limit_mb=2048 -max_len=16384 \
    -print_final_stats=1 -artifact_prefix="target/$target-"
