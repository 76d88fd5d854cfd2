"""Notation of the sheet: letters, symbols, and rules that hold for every operation."""

LETTERS = {
    "N": "tokens of the batch",
    "B": "sequences",
    "T": "tokens of one sequence",
    "V": "vocabulary",
    "E": "embedding width",
    "H": "hidden width",
    "A": "heads",
    "D": "width of a head, H / A",
    "F": "feed-forward width",
    "L": "layers",
    "M": "masked tokens",
    "C": "classes",
}
MORE_LETTERS = {"W, I, O, R": "any sizes", "P, S": "rows of the position and segment tables", "G": "groups of layers"}

RULES = {  # what they are about -> one sentence, with LaTeX between $
    "Gradients": r"$dz$ is the derivative of the loss by $z$, and has its shape.",
    "Packed": r"No padding: the tokens of all sequences lie end to end. Only attention needs to know where each begins.",
    r"$\pluseq$": r"Gradients of parameters are added to, never assigned: what is used twice gets a sum.",
    r"$\back{f}$": r"The backward pass of an operation $\op{f}$ inside. It adds to the gradients of its parameters.",
    "Kept": "The cache: all that the backward pass needs of the forward pass. c_f is the cache of f.",
    "Products": r"$x\,w$ of matrices, $\odot$ of elements; $\mean{x}$ is the mean of each row. "
    r"$C = A\,B$ gives $dA = dC\,B^\top$, $dB = A^\top dC$.",
    "Check it": r"$\text{loss}(w + h\,u) - \text{loss}(w - h\,u)$ $\approx 2\,h\,\langle dw, u \rangle$ for any $u$; "
    r"$h = 10^{-6}$, float64.",
}  # fmt: skip

MACROS = {  # of MathJax: an operation by its name in the code, its backward pass, addition to a gradient
    "op": [r"\texttt{#1}", 1],
    "back": [r"\texttt{#1}^{\leftarrow}", 1],
    "mean": r"\overline",
    "note": ["#1", 1],  # a condition, which is no part of the formula
    "pluseq": r"\mathrel{+}=",
}

SYMBOLS = {  # name in NumPy -> LaTeX, in all operations
    "gamma": r"\gamma", "beta": r"\beta", "xhat": r"\hat{x}", "mu": r"\mu", "eps": r"\varepsilon", "rstd": "r",
    "sum_n": r"\sum", "sum_k": r"\sum", "sum_m": r"\sum", "mean": r"\mean", "exp": "e", "log": r"\log", "tanh": r"\tanh",
    "erf": r"\operatorname{erf}", "sqrt": r"\sqrt", "pi": r"\pi", "softmax": r"\op{softmax}", "maximum": r"\max",
    "minimum": r"\min", "inf": r"\infty", "round": r"\operatorname{round}",
    "loss": r"\text{loss}", "word": r"\op{word}", "norm": r"\lVert",
}  # fmt: skip
