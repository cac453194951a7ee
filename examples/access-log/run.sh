#!/usr/bin/env bash
# Runs the example: run.sh BUILD-FOLDER, which holds the binary and the guests. Everything it
# writes lies in BUILD-FOLDER/access-log and is made anew.
set -euo pipefail
here=$(dirname "$0")
build=${1:-$here/../../build}
wasmflow=$build/wasmflow
out=$build/access-log

rm -rf "$out"
echo "writing access logs to $out/input"
"$wasmflow" run "$here/generate.toml" >/dev/null

echo "running $here/job.toml"
echo
"$wasmflow" run "$here/job.toml"

echo
echo "count for yourself:"
printf '  %8d lines in %s\n' "$(cat "$out"/input/* | wc -l)" "$out/input"
printf '  %8d lines in %s:\n' "$(cat "$out"/output/*/* | wc -l)" "$out/output"
for hour in "$out"/output/*/; do
  printf '  %8d   %s\n' "$(cat "$hour"* | wc -l)" "$(basename "$hour")"
done
printf '  %8d lines in %s\n' "$(cat "$out"/dead-letters/part-* | wc -l)" "$out/dead-letters"

first() { cat "$@" | sed -n 1p; }
echo
echo "a line of each:"
echo "  $(first "$out"/input/*)"
echo "  $(first "$out"/output/*/*)"
echo "  $(first "$out"/dead-letters/part-*)"
