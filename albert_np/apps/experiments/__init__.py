"""Experiments: many runs of one command, compared. `albert-np sweep FILE.toml`.

    file       what the TOML file says -> configurations and seeds, everything checked
    commands   a configuration -> the command line of its run
    folder     what is in the sweep's folder: the plan, what is finished, what can go on
    prepare    what the runs share: text and vocabularies
    side       the runs, each a process, several at a time
    measure    losses that mean the same where the runs' own do not
    results    means, deviations, the table
    jobs       all of it, in order: `run_sweep`
    recipes/   sweeps that are ready: the ablations of ALBERT's paper at small scale

Not to be taken for `tasks.sweep`, which makes one trained model smaller in many ways (`albert-np compress --sweep`).
"""

from albert_np.apps.experiments.file import Configuration, Sweep, read_sweep, recipes

__all__ = ["Configuration", "Sweep", "read_sweep", "recipes"]
