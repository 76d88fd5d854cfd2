"""Benchmarks by name: `glue:mrpc`, `superglue:boolq`, `squad:2.0`. A data set is one `record.Benchmark`.

glue.py superglue.py other.py   the records
names.py        names -> records                            scoring.py      a trained model -> scores of each dev set, their means
locate.py       a folder -> the files of a split             submission.py   answers -> the official files
tables.py       files and rows -> examples                   settings.py     the paper's settings -> those of a run
hub.py          data sets of the hub -> the same examples    prepare.py      all of this for `finetune`
"""

from albert_np.tasks.benchmarks.names import BENCHMARKS, find_benchmark, get_benchmark, get_group
from albert_np.tasks.benchmarks.record import Benchmark

__all__ = ["BENCHMARKS", "Benchmark", "find_benchmark", "get_benchmark", "get_group"]
__dir__ = __all__.copy  # for completion
