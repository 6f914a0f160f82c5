#!/bin/bash
# sbatch deploy/slurm/parts.sh recipe.yaml [OPTION...]   the row stages, a share of the files for each job of the array
#SBATCH --job-name=refinery
#SBATCH --array=0-99
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@150
# memory is set because percentages refer to the whole machine
exec refinery run -c "$@" --parts "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
  --workers "$SLURM_CPUS_PER_TASK" --set "executor.memory=$((SLURM_MEM_PER_NODE * 9 / 10))MB"
