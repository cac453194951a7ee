#!/usr/bin/env bash
# Runs the example: run.sh BUILD-FOLDER, which holds the binary and the guests. Everything it
# writes lies in BUILD-FOLDER/orders and is made anew.
set -euo pipefail
here=$(dirname "$0")
build=${1:-$here/../../build}
wasmflow=$build/wasmflow
out=$build/orders
orders=40000
kill_at=8000

rm -rf "$out"
mkdir -p "$out"
# Nothing outlives this script, however it ends.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# until_seen PATTERN FILE: waits until the file has a line like that.
until_seen() { until grep -q "$1" "$2" 2>/dev/null; do sleep 0.1; done; }
# enriched: how many enriched orders the reader has seen.
enriched() { wc -l <"$out/enriched.jsonl"; }
# read_by_job: how many orders the job has read since it began.
read_by_job() {
  "$wasmflow" status --json "$here/job.toml" 2>/dev/null |
    sed -n 's/.*"records_in": *\([0-9]*\).*/\1/p' | sed -n 1p
}
# committed TOPIC: the committed records of a topic, read anew.
committed() { TOPIC=$1 STOP=latest "$wasmflow" run --fresh "$here/read.toml" 2>/dev/null; }

"$wasmflow" dev-broker --address 127.0.0.1:0 --topics orders,orders-enriched,orders-dead \
  "$out/broker" >"$out/broker.log" 2>&1 &
until_seen ready "$out/broker.log"
BROKER=$(sed -n 's/.*\["\(.*\)"\].*/\1/p' "$out/broker.log")
export BROKER
echo "broker:   $BROKER, a Kafka broker for development with its topics in $out/broker"

TOPIC=orders-enriched STOP=never "$wasmflow" run "$here/read.toml" \
  >"$out/enriched.jsonl" 2>"$out/reader.log" &
echo "reader:   committed records of orders-enriched, into $out/enriched.jsonl"
"$wasmflow" run "$here/produce.toml" >"$out/producer.log" 2>&1 &
producer=$!
echo "producer: $orders orders into the topic orders, 4000 a second"
"$wasmflow" run "$here/job.toml" >"$out/job.log" 2>&1 &
job=$!
echo "job:      $here/job.toml"
echo

until [ "$(enriched)" -ge "$kill_at" ]; do sleep 0.1; done
sed -n '1,3s/^/  /p' "$out/enriched.jsonl"
kill -9 "$job"
wait "$job" 2>/dev/null || true
echo "  ... the job is killed in the middle of its work (kill -9), and started again"
"$wasmflow" run "$here/job.toml" >"$out/job-again.log" 2>&1 &
job=$!
wait "$producer" || { cat "$out/producer.log"; exit 1; }
until [ "$(read_by_job)" = "$orders" ]; do
  kill -0 "$job" 2>/dev/null || { cat "$out/job-again.log"; exit 1; }
  sleep 0.2
done
kill -TERM "$job" # a first signal: one more epoch, then the end
wait "$job" || { cat "$out/job-again.log"; exit 1; }
sed -n '/ finished\| stopped/,$p' "$out/job-again.log"

echo
echo "count for yourself, in the topics:"
committed orders-enriched >"$out/count.jsonl"
printf '  %8d orders\n' "$(committed orders | wc -l)"
printf '  %8d enriched, %d of them different\n' \
  "$(wc -l <"$out/count.jsonl")" "$(sort -u "$out/count.jsonl" | wc -l)"
printf '  %8d dead letters\n' "$(committed orders-dead | wc -l)"
printf '  %8d seen by the reader that was there all the time\n' "$(enriched)"
