"""The layers, one record for each, in the order of the ladder."""

from made.sheet.operation import Operation

LAYERS = (
    Operation(
        function="core.layers.linear.linear", about="affine map", notebook=4, exercise="linear",
        takes={"x": "N I", "w": "I O", "b": "O"}, gives={"y": "N O"},
        forward=((r"y = x\,w + b", "y = x @ w + b"),),
        kept=("x",),
        backward=(
            (r"dw \pluseq x^\top dy, \quad", "dw += x.T @ dy"),
            (r"db \pluseq \textstyle\sum_n dy_n", "db += sum_n(dy)"),
            (r"dx = dy\,w^\top", "dx = dy @ w.T"),
        ),
        remark="All rows share the weights, so their gradients add up.",
    ),
    Operation(
        function="core.layers.softmax.softmax", about="scores to weights", notebook=4, exercise="softmax",
        takes={"x": "N W"}, gives={"y": "N W"},
        forward=((r"y_i = e^{x_i} \big/ \textstyle\sum_k e^{x_k}", "y = exp(x) / sum_k(exp(x))"),),
        kept=("y",),
        backward=((r"dx_i = y_i \odot \big(dy_i - \textstyle\sum_k dy_k \odot y_k\big)", "dx = y * (dy - sum_k(dy * y))"),),
        remark="A shift of a row changes nothing: the rows of dx have the sum 0.",
    ),
    Operation(
        function="core.layers.cross_entropy.cross_entropy", about="labels ℓ, weights v", notebook=4, exercise="cross_entropy",
        takes={"x": "M C", "labels": "M", "weights": "M"}, gives={"loss": ""},
        forward=(
            (r"p = \op{softmax}(x), \qquad", "probs = softmax(x)"),
            (r"\omega = v / Z", "scaled = weights / Z"),
            (
                r"q_{mk} = (1 - \varepsilon)\,[k = \ell_m] + \varepsilon / C",
                "q = (1 - smoothing) * one_hot(labels) + smoothing / C",
            ),
            (
                r"\text{loss} = -\textstyle\sum_m \omega_m \sum_k q_{mk} \log p_{mk}",
                "loss = -sum_m(scaled * flat(sum_k(q * log(probs))))",
            ),
        ),
        kept=("probs", "picked", "scaled", "smoothing"),
        backward=(
            (r"dx_{mk} = d\text{loss}\; \omega_m \odot (p_{mk} - q_{mk})", "dx = dloss * column(scaled) * (probs - q)"),
        ),
        remark="Z is given, so micro-batches add up. picked: the places of ℓ in x, flattened.",
        symbols={
            "probs": "p", "scaled": r"\omega", "weights": "v", "smoothing": r"\varepsilon", "labels": r"\ell",
            "one_hot": r"[k =", "picked": r"\text{picked}",
        },
    ),
    Operation(
        function="core.layers.layer_norm.layer_norm", about="rows of mean 0, variance 1", notebook=5, exercise="layer_norm",
        takes={"x": "N W", "gamma": "W", "beta": "W"}, gives={"y": "N W"},
        forward=(
            (r"\mu = \mean{x}, \qquad", "mu = mean(x)"),
            (r"r = 1 \big/ \sqrt{\mean{(x - \mu)^2} + \varepsilon}", "rstd = 1 / sqrt(mean((x - mu) ** 2) + eps)"),
            (r"\hat{x} = (x - \mu) \odot r, \qquad", "xhat = (x - mu) * rstd"),
            (r"y = \hat{x} \odot \gamma + \beta", "y = xhat * gamma + beta"),
        ),
        kept=("xhat", "rstd"),
        backward=(
            (r"d\gamma \pluseq \textstyle\sum_n dy_n \odot \hat{x}_n, \qquad", "dgamma += sum_n(dy * xhat)"),
            (r"d\beta \pluseq \textstyle\sum_n dy_n", "dbeta += sum_n(dy)"),
            (r"d\hat{x} = dy \odot \gamma", "dxhat = dy * gamma"),
            (
                r"dx = r \odot \big(d\hat{x} - \mean{d\hat{x}} - \hat{x} \odot \mean{d\hat{x} \odot \hat{x}}\big)",
                "dx = rstd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))",
            ),
        ),
        remark="A shift or scale of a row changes nothing: dx has no part along 1, none along x̂.",
    ),
    Operation(
        function="core.layers.activations.gelu_new", about="ALBERT's", notebook=6, exercise="gelu",
        takes={"x": "N F"}, gives={"y": "N F"},
        forward=(
            (r"t = \tanh\big(\sqrt{2 / \pi}\,(x + 0.044715\,x^3)\big)", "t = tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))"),
            (r"y = x \odot (1 + t) / 2", "y = x * (1 + t) / 2"),
        ),
        kept=("x", "t"),
        backward=(
            (r"s = \sqrt{2 / \pi}\,(1 + 3 \cdot 0.044715\,x^2)", "s = sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)"),
            (r"dx = dy \odot \big((1 + t) + x \odot (1 - t^2) \odot s\big) / 2", "dx = dy * ((1 + t) + x * (1 - t**2) * s) / 2"),
        ),
    ),
    Operation(
        function="core.layers.activations.gelu", about="", notebook=6,
        takes={"x": "N F"}, gives={"y": "N F"},
        forward=(
            (r"\Phi = \big(1 + \operatorname{erf}(x / \sqrt{2})\big) / 2, \qquad", "phi = (1 + erf(x / sqrt(2))) / 2"),
            (r"y = x \odot \Phi", "y = x * phi"),
        ),
        kept=("x", "phi"),
        backward=((
            r"dx = dy \odot \big(\Phi + x \odot e^{-x^2 / 2} / \sqrt{2\,\pi}\big)",
            "dx = dy * (phi + x * exp(-(x**2) / 2) / sqrt(2 * pi))",
        ),),
        symbols={"phi": r"\Phi"},
    ),
    Operation(
        function="core.layers.activations.relu", about="", notebook=6,
        takes={"x": "N F"}, gives={"y": "N F"},
        forward=((r"y = \max(x, 0)", "y = maximum(x, 0)"),),
        kept=("x",),
        backward=((r"dx = dy \odot [x > 0]", "dx = dy * (x > 0)"),),
    ),
    Operation(
        function="core.layers.activations.tanh", about="", notebook=6,
        takes={"x": "N F"}, gives={"y": "N F"},
        forward=((r"y = \tanh(x)", "y = tanh(x)"),),
        kept=("y",),
        backward=((r"dx = dy \odot (1 - y^2)", "dx = dy * (1 - y**2)"),),
    ),
    Operation(
        function="core.layers.activations.activation", about="", notebook=6,
        takes={"x": "N F"}, gives={"y": "N F"},
        forward=((r"y = \op{act}(x)", "y = act(x)"),),
        kept=("c_act",),
        backward=((r"dx = \back{act}(dy)", "dx = act_back(dy)"),),
    ),
    Operation(
        function="core.layers.dropout.dropout", about="drops elements in training", notebook=6, exercise="dropout",
        takes={"x": "N W"}, gives={"y": "N W"},
        forward=(
            (r"s = 1 / (1 - \text{rate}), \qquad", "scale = 1 / (1 - rate)"),
            (r"y = x \odot m \cdot s", "y = x * keep * scale"),
        ),
        kept=("keep", "scale"),
        backward=((r"dx = dy \odot m \cdot s", "dx = dy * keep * scale"),),
        remark="m depends on seed, step, layer, token alone: computed again, it is the same.",
        symbols={"keep": "m", "scale": "s", "rate": r"\text{rate}"},
    ),
    Operation(
        function="core.layers.embedding.embedding", about="rows of three tables, added", notebook=3, exercise="embedding",
        takes={"ids": "N", "positions": "N", "token_types": "N", "word": "V E", "position": "P E", "token_type": "S E"},
        gives={"y": "N E"},
        forward=((
            r"y_n = \op{word}[i_n] + \op{position}[p_n] + \op{type}[t_n]",
            "y = word[ids] + position[positions] + token_type[token_types]",
        ),),
        kept=("ids", "positions", "token_types", "padding_idx"),
        backward=(
            (
                r"d\op{word}[i_n] \pluseq dy_n \odot [i_n \ne \text{padding_idx}]",
                "np.add.at(dword, ids, dy * column(ids != padding_idx))",
            ),
            (r"d\op{position}[p_n] \pluseq dy_n, \quad", "np.add.at(dposition, positions, dy)"),
            (r"d\op{type}[t_n] \pluseq dy_n", "np.add.at(dtoken_type, token_types, dy)"),
        ),
        remark="For each n: an id that repeats gets the sum. Ids are integers, so there is no dx.",
        symbols={
            "ids": "i", "positions": "p", "token_types": "t", "position": r"\op{position}", "token_type": r"\op{type}",
            "padding_idx": r"\text{padding_idx}",
        },
    ),
    Operation(
        function="core.layers.gather.gather", about="some rows of many", notebook=3, exercise="gather",
        takes={"x": "N W", "rows": "M"}, gives={"y": "M W"},
        forward=((r"y_m = x[\rho_m]", "y = x[rows]"),),
        kept=("rows", "x"),
        backward=(
            (r"dx = 0, \quad", "dx = zeros"),
            (r"dx[\rho_m] \pluseq dy_m \note{\text{ for each } m}", "np.add.at(dx, rows, dy)"),
        ),
        remark="Of x only the shape is read.",
        symbols={"rows": r"\rho", "zeros": "0"},
    ),
    Operation(
        function="core.layers.attention.attend", about="one sequence", notebook=7, exercise="attention",
        takes={"q": "A T D", "k": "A T D", "v": "A T D"}, gives={"context": "A T D"},
        forward=(
            (r"s = q\,k^\top / \sqrt{D}, \quad -\infty \text{ if hidden}", "s = where_visible(q @ k.mT / sqrt(D), -inf)"),
            (r"a = \op{softmax}(s), \qquad", "probs = softmax(s)"),
            (r"\tilde{a} = \op{dropout}(a)", "dropped = dropout(probs)"),
            (r"c = \tilde{a}\,v", "context = dropped @ v"),
        ),
        kept=("q", "k", "v", "probs", "dropped", "c_softmax", "c_dropout"),
        backward=(
            (r"d\tilde{a} = dc\,v^\top, \qquad", "ddropped = dcontext @ v.mT"),
            (r"dv = \tilde{a}^\top dc", "dv = dropped.mT @ dcontext"),
            (r"da = \back{dropout}(d\tilde{a})", "dprobs = dropout_back(ddropped)"),
            (r"ds = a \odot \big(da - \textstyle\sum_u da_u \odot a_u\big)", "ds = probs * (dprobs - sum_k(dprobs * probs))"),
            (r"dq = ds\,k / \sqrt{D}, \qquad", "dq = ds @ k / sqrt(D)"),
            (r"dk = ds^\top q / \sqrt{D}", "dk = ds.mT @ q / sqrt(D)"),
        ),
        remark="s, a, ã and m are (A, T, T): one row of weights for each query.",
        symbols={"probs": "a", "dropped": r"\tilde{a}", "context": "c"},
    ),
    Operation(
        function="core.layers.attention.attention", about="", notebook=7, exercise="self_attention",
        takes={"x": "N H", "w_q": "H H", "w_k": "H H", "w_v": "H H", "w_o": "H H"}, gives={"y": "N H"},
        forward=(
            (r"q = x\,w_q + b_q, \quad", "q = x @ w_q + b_q"),
            (r"k = x\,w_k + b_k, \quad", "k = x @ w_k + b_k"),
            (r"v = x\,w_v + b_v", "v = x @ w_v + b_v"),
            (r"c = \op{attend}(q, k, v) \text{ in each sequence,} \quad", "c = attend(q, k, v)"),
            (r"y = c\,w_o + b_o", "y = c @ w_o + b_o"),
        ),
        kept=("c_query", "c_key", "c_value", "c_attend", "c_output"),
        backward=(
            (r"dc = \back{linear}(dy; w_o), \quad", "dc = linear_back(dy, w_o)"),
            (r"dq, dk, dv = \back{attend}(dc)", "dq, dk, dv = attend_back(dc)"),
            (r"dx = \back{linear}(dq; w_q) + \back{linear}(dk; w_k), \quad", "dx = linear_back(dq, w_q) + linear_back(dk, w_k)"),
            (r"dx \pluseq \back{linear}(dv; w_v)", "dx += linear_back(dv, w_v)"),
        ),
        remark="x is used three times, so dx has three terms. The key's bias has the gradient 0.",
    ),
    Operation(
        function="core.layers.feed_forward.feed_forward", about="two maps, wider between", notebook=6,
        exercise="feed_forward",
        takes={"x": "N H", "w_1": "H F", "w_2": "F H"}, gives={"y": "N H"},
        forward=(
            (r"z = x\,w_1 + b_1, \quad", "z = x @ w_1 + b_1"),
            (r"a = \op{activation}(z), \quad", "a = activation(z)"),
            (r"y = a\,w_2 + b_2", "y = a @ w_2 + b_2"),
        ),
        kept=("c_in", "c_act", "c_out"),
        backward=(
            (r"da = \back{linear}(dy; w_2), \quad", "da = linear_back(dy, w_2)"),
            (r"dz = \back{activation}(da)", "dz = activation_back(da)"),
            (r"dx = \back{linear}(dz; w_1)", "dx = linear_back(dz, w_1)"),
        ),
    ),
    Operation(
        function="core.layers.add_norm.add_norm", about="residual and layer norm", notebook=8, exercise="add_norm",
        takes={"x": "N H", "f": "N H"}, gives={"y": "N H"},
        forward=((r"y = \op{layer_norm}\big(x + \op{dropout}(f)\big)", "y = layer_norm(x + dropout(f))"),),
        kept=("c_dropout", "c_norm"),
        backward=(
            (r"dx = \back{layer_norm}(dy), \quad", "dx = layer_norm_back(dy)"),
            (r"df = \back{dropout}(dx)", "df = dropout_back(dx)"),
        ),
        remark="A sum hands its gradient to both of its terms.",
    ),
    Operation(
        function="core.layers.fusion.fuse", about="two levels", notebook=9, exercise="fuse",
        takes={"low": "N H", "high": "N H", "w": "2H H", "b": "H"}, gives={"h": "N H"},
        forward=((r"h = \tanh\big([\,l \mid u\,]\,w + b\big)", "h = tanh(join(low, high) @ w + b)"),),
        kept=("c_linear", "c_tanh"),
        backward=(
            (r"dz = dh \odot (1 - h^2), \quad", "dz = dh * (1 - h**2)"),
            (r"[\,dl \mid du\,] = \back{linear}(dz; w)", "dlow, dhigh = split(linear_back(dz, w))"),
        ),
        symbols={"low": "l", "high": "u"},
    ),
    Operation(
        function="core.layers.fusion.fuse_levels", about="levels i, j, k", notebook=9,
        takes={"hidden": "L+1 x N H"}, gives={"f_2": "N H"},
        forward=(
            (r"f_1 = \op{fuse}(h_i, h_j), \quad", "f_1 = fuse_1(h_i, h_j)"),
            (r"f_2 = \op{fuse}(f_1, h_k)", "f_2 = fuse_2(f_1, h_k)"),
        ),
        kept=("caches",),
        backward=(
            (r"df_1, dh_k = \back{fuse}(df_2), \quad", "df_1, dh_k = fuse_2_back(df_2)"),
            (r"dh_i, dh_j = \back{fuse}(df_1)", "dh_i, dh_j = fuse_1_back(df_1)"),
        ),
        symbols={
            "hidden": "h", "fuse_1": r"\op{fuse}", "fuse_2": r"\op{fuse}", "fuse_1_back": r"\back{fuse}",
            "fuse_2_back": r"\back{fuse}",
        },
    ),
    Operation(
        function="core.layers.pooler.pooler", about="a vector for each sequence", notebook=10, exercise="pooler",
        takes={"x": "N H", "w": "H H", "b": "H"}, gives={"y": "B H"},
        forward=(
            (r"f = \op{gather}(x, \text{first rows}), \quad", "f = gather(x, first_rows)"),
            (r"y = \tanh(f\,w + b)", "y = tanh(f @ w + b)"),
        ),
        kept=("c_gather", "c_linear", "c_tanh"),
        backward=(
            (r"dz = dy \odot (1 - y^2), \quad", "dz = dy * (1 - y**2)"),
            (r"df = \back{linear}(dz; w)", "df = linear_back(dz, w)"),
            (r"dx = \back{gather}(df)", "dx = gather_back(df)"),
        ),
        symbols={"first_rows": r"\text{first rows}"},
    ),
)  # fmt: skip
