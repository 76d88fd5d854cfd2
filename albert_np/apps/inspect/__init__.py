"""How a model reads a text: attention head by head, hidden states and fillings of [MASK] layer by layer.

forward      the arrays of one text: `inspect`
measures     what is measured of an attention head, and which pattern it resembles
fillings     the head for masks, applied to the hidden state of every layer (the logit lens)
record       Inspection: the arrays, their figures, their page
page         the page: one HTML file that needs neither a network nor a library; page.html is its template
summary      the lines that the command prints, and inspect.json
"""

from albert_np.apps.inspect.forward import inspect
from albert_np.apps.inspect.record import Inspection

__all__ = ["Inspection", "inspect"]
__dir__ = __all__.copy  # for completion
