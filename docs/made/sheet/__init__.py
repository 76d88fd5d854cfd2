"""The sheet: every operation of `core` on two pages, as a page of the site and as a PDF (`make sheet`).

    operation.py    one record: shapes, forward pass, what is kept, backward pass; each formula in LaTeX and in NumPy
    layers.py       the records of the layers: the first page
    model.py        those of the model, of training, and of what stands around the model: the second page
    notation.py     the letters, and the rules that hold for all of them
    website.py      the page of the site, in Markdown
    printed.py      the two pages of paper, in HTML with MathJax, and the PDF, which Chromium prints

Tests compare the records with the code: names, shapes, caches, and each formula, which they evaluate.
"""

from made.sheet.website import text

__all__ = ["text"]
