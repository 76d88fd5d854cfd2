"""A bug hunt: a layer with one mistake, to be found with the checker."""

import textwrap
from dataclasses import replace

from albert_np.core.random import seed_sequence
from albert_np.gradcheck.mistakes import Mistake, get_source
from albert_np.gradcheck.mistakes.mistake import with_mistake
from albert_np.learn.exercise import MARK, Exercise, core_source, solution_file, without_types
from albert_np.learn.exercises import every
from albert_np.learn.outcome import SEEDS, known_mistakes, wrong
from albert_np.learn.report import Report


def choose(seed: int) -> tuple[Exercise, Mistake]:
    """Return the exercise and the mistake of a bug, functions of the seed. ValueError for a negative seed.

    The name of largest weight wins (rendezvous hashing: Thaler & Ravishankar 1998), so that one exercise more takes only its own
    share of the seeds, and the others keep their bugs.
    """
    exercise = max(every(), key=lambda exercise: weight(seed, exercise.name))
    mistakes = sorted(known_mistakes(exercise.name), key=lambda mistake: weight(seed, name_mistake(mistake)), reverse=True)
    return exercise, next(mistake for mistake in mistakes if runs(exercise, mistake))


def weight(seed: int, name: str) -> list[int]:
    """Return two random integers of 32 bits, a function of the arguments."""
    return seed_sequence(seed, f"learn bug {name}").generate_state(2).tolist()


def name_mistake(mistake: Mistake) -> str:
    return f"{mistake.function}: {mistake.old} -> {mistake.new}"


def runs(exercise: Exercise, mistake: Mistake) -> bool:
    """Return whether the wrong function runs without an exception and shows no gap, so that it has to be searched for."""
    hidden = mistake.new != "pass"  # a statement that is visibly left out is no puzzle
    return hidden and not any(wrong(exercise.name, mistake, seed).failures for seed in SEEDS)


def bug(seed: int) -> str:
    """Return the text of a file with one mistake in it. `check` says which results are wrong, but not why.

    seed: at least 0; the same seed gives the same bug. Correct the file, and `check` its text or its path.
    """
    exercise, mistake = choose(seed)
    right = core_source(mistake.function)
    source = without_types(with_mistake(mistake.function, get_source(mistake.function), mistake))
    file = solution_file(exercise).replace(right, source)
    rest = file.partition("\n")[2]
    task = textwrap.dedent(
        f"""\
        Bug {seed}: there is one mistake in {mistake.function.rpartition(".")[2]}, and everything else is right.

        Find it with pencil and paper, and with `albert-np learn check` on this file: which results are wrong, and which are not?
        """
    )
    return f"{MARK}{exercise.name}, bug {seed}\n{rest.replace(exercise.title, task + chr(10) + exercise.title, 1)}"


def without_answer(report: Report, seed: int) -> Report:
    """Return the report on the file of a bug: it does not say what the mistake looks like until the mistake is corrected."""
    _, mistake = choose(seed)
    if report.passed:
        return replace(report, diagnosis=[f"You have found it. {mistake.explanation}"], advice="")
    return replace(report, diagnosis=[], advice=f"The mistake of bug {seed} is still there, or there is another one.")
