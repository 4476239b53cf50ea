#!/bin/sh
# Trains into a folder, or goes on with the run that is in it: for schedulers that start a job again. Each time all flags are
# given, as --resume takes neither addresses nor paths from the folder.
# Usage: train_or_resume.sh FOLDER [flags of train]
set -eu
folder=$1
shift
if [ -e "$folder/config.json" ]; then place=--resume; else place=--out; fi
main=$(dirname -- "$0")/../../main.ts
exec "${DENO:-deno}" run -q --no-prompt -A "$main" train "$place" "$folder" "$@"
