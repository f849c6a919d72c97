#!/usr/bin/env bash
# Example: the paper's full model on 2 nodes of 8 GPUs. Submit with `sbatch docs/slurm_multinode.sh`.
# Slurm sends SIGTERM before it takes the nodes back: the run saves itself, and the same command goes on.
#SBATCH --job-name=caponimage-full
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
set -euo pipefail

export CAPONIMAGE_DATA=${CAPONIMAGE_DATA:-$PWD/data/caponimage2m}
export CAPONIMAGE_CACHE=${CAPONIMAGE_CACHE:-$PWD/cache} # on a file system that all nodes see
# once before, on one machine: python -m reference_model.prepare full --profile paper --workers 64
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun torchrun \
  --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node 8 \
  --rdzv-backend c10d --rdzv-endpoint "$head:29500" --rdzv-id "$SLURM_JOB_ID" \
  -m reference_model.train full --profile paper "$@"
