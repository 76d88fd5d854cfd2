"""Experiments: run one command with many configurations and seeds, and compare the runs. `albert-np sweep FILE.toml`.

    file           read the TOML file -> checked configurations and seeds
    commands       build the command line of a configuration
    folder         the sweep's folder: the plan, finished runs, runs that can be resumed
    prepare        text and vocabularies that the runs share
    process_pool   run each job as a process, several at a time
    measure        comparable losses where the runs' own differ in kind
    results        figures, means, deviations
    paper          directions that a paper reports, and the verdicts
    comparisons    differences seed by seed, their intervals, the seeds that an effect needs
    tables         all of these in Markdown
    jobs           the whole sweep, `run_sweep`
    recipes/       ready-made sweeps: the ablations of ALBERT's paper at small scale

`albert-np compress --sweep` is something else: it compares compressions of one model (`albert_np.compress.sweep`).
"""

from albert_np.apps.experiments.file import Configuration, Sweep, read_sweep, recipes

__all__ = ["Configuration", "Sweep", "read_sweep", "recipes"]
