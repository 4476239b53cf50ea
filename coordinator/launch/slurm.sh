#!/usr/bin/env bash
# A Slurm job: the coordinator on the first node, a worker with one GPU for each task. From Herd's folder, which all nodes
# must see under the same path:
#   sbatch --nodes=4 coordinator/launch/slurm.sh --epochs 10
# What stands before the script is for sbatch and wins over the lines below: --gpus-per-task=0 without GPUs, --time, …
# What stands behind it is for `deno task train`. DENO names another Deno than the one on the PATH.
#
# The nodes' network is taken to be one that you trust; otherwise give --tls-cert and --tls-key, with a certificate for the
# first node's name: the workers are handed it.
#
# The result is in runs/slurm-<job>. A job that is requeued, or runs out of time, goes on from its last checkpoint; HERD_OUT
# names another folder, such as that of an earlier job, to go on with its run; --data and the like are then to be given again.
#
#SBATCH --job-name=herd
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-task=1
# A node that fails takes its workers along, not the job.
#SBATCH --no-kill
#SBATCH --requeue
#SBATCH --open-mode=append
# A minute before the time limit, so that the last step is kept.
#SBATCH --signal=B:USR1@60
set -euo pipefail

if [ ! -f coordinator/launch/train_or_resume.sh ]; then
  echo "error: $PWD is not Herd's folder: submit the job from there" >&2
  exit 2
fi

case " $* " in
  *" --tls-cert"*) ;;
  *) set -- --insecure "$@" ;;
esac
out=${HERD_OUT:-runs/slurm-$SLURM_JOB_ID}
coordinator/launch/train_or_resume.sh "$out" --launcher slurm --listen 0.0.0.0:0 "$@" &
coordinator=$!
requeue=no
# SIGTERM (scancel, requeue, preemption) reaches the coordinator from Slurm, from here, or from both.
trap 'kill -TERM "$coordinator" 2>/dev/null || true' TERM
trap 'requeue=yes; kill -TERM "$coordinator" 2>/dev/null || true' USR1

# A trap ends wait before the coordinator has ended.
status=0
wait "$coordinator" || status=$?
while kill -0 "$coordinator" 2>/dev/null; do
  status=0
  wait "$coordinator" || status=$?
done

# 130: interrupted, and there is a checkpoint.
if [ "$requeue" = yes ] && [ "$status" = 130 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
