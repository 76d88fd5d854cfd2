"""Gradient checks: shared by the tests, the notebooks and the command line.

ab.gradcheck.check(linear, linear_backward, {"x": x}, p)          one layer, for example your own
ab.gradcheck.check_model(params, config, batch)                   a whole model, at the parameters it has, float64
ab.gradcheck.everything()                                         every layer, every head, and the model in every configuration
"""

from albert_np.gradcheck.checker import check
from albert_np.gradcheck.examples import batch, parameters
from albert_np.gradcheck.model_checks import check_model
from albert_np.gradcheck.report import CHECKS, Report, everything, print_table
from albert_np.gradcheck.tensor import Row

__all__ = ["CHECKS", "Report", "Row", "batch", "check", "check_model", "everything", "parameters", "print_table"]
__dir__ = __all__.copy  # for completion
