#!/bin/bash
# Snakemake itself as a small SLURM job, for clusters that forbid it on their login nodes. In the checkout:
#   sbatch profiles/slurm/head.sh --directory runs/paper
#   sbatch profiles/slurm/head.sh --configfile config/public.yaml --directory runs/public
# The job queues itself again five minutes before its time is up, when its node dies, and when Snakemake is
# killed. Trainings go on meanwhile. `scancel` ends the run: Snakemake then cancels its jobs.
#SBATCH --job-name=covidseg
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=1-0
#SBATCH --requeue
#SBATCH --signal=B:TERM@300
#SBATCH --open-mode=append
#SBATCH --output=covidseg-%j.log
# Your site's partition and account, and a mail at the end, for example:
##SBATCH --partition=cpu
##SBATCH --account=mine
##SBATCH --mail-type=END,FAIL
PATH=$PWD/.venv/bin:$PATH

if ! [ -e slurm/config.yaml ] || ! command -v snakemake >/dev/null; then
    echo "$PWD is no checkout with a .venv: call sbatch in the checkout, after make setup"
    exit 1
fi

again() {
    echo "$(date): $1; this job is queued again" >&2
    scontrol requeue "$SLURM_JOB_ID"
    exit
}

stopped() {
    if [ "$(squeue --noheader --job "$SLURM_JOB_ID" --format %T)" = RUNNING ]; then
        kill -KILL "$!"    # a mere SIGTERM would cancel the trainings
        again "the time is nearly up"
    fi
    # scancel. SIGTERM has ended the wait below, so a new one is needed until Snakemake has cancelled its jobs.
    kill -TERM "$!"
    wait "$!"
    exit "$?"
}

# An earlier start of this job was killed while it held the lock of the folder.
[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && snakemake --profile slurm "$@" --unlock
trap stopped TERM
snakemake --profile slurm "$@" &
wait "$!"
status=$?
# Above 128: killed by a signal, for example because the memory was too small.
[ "$status" -gt 128 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 100 ] && again "Snakemake ended with status $status"
exit "$status"
