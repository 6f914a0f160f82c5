#!/bin/bash
# sbatch --dependency=afterany:JOB deploy/slurm/rest.sh recipe.yaml [OPTION...]   all that the jobs of parts.sh left
#SBATCH --job-name=refinery-rest
#SBATCH --cpus-per-task=32
#SBATCH --mem=64G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@150
exec refinery run -c "$@" \
  --workers "$SLURM_CPUS_PER_TASK" --set "executor.memory=$((SLURM_MEM_PER_NODE * 9 / 10))MB"
