"""Mistakes to plant in the CUDA side: in the text of a kernel (FILE.cu), or in the function that launches it (FILE.function).

Each is found by comparing the twin with its textbook: {where: (operations of test_gpu_twins, ((old, new, why), ...))}.
"""

# ruff: noqa: E501  (a table)

ATTENTION = "attention", "attention, dropout", "attention, translation"

PLANTED = {
    "activations.cu": (("gelu_new", "gelu", "relu", "tanh"), (
        ("+ 3 * (A)0.035677408136300125 * square)) / 2", "+ (A)0.035677408136300125 * square)) / 2", "lost the 3 of x cubed"),
        ("+ x * exp(-x * x / 2) * (A)0.3989422804014327", "+ x * exp(-x * x) * (A)0.3989422804014327", "another density"),
        ("if (act == 2) return x > 0 ? 1 : 0;", "if (act == 2) return x > 0 ? 0 : 1;", "the wrong side"),
        ("return 1 - t * t;", "return 1 - t;", "lost the square"),
        ("dx[i] = (T)((A)dy[i] * slope_of(act, z));", "dx[i] = (T)(slope_of(act, z));", "forgot the chain rule"),
    )),
    "feed_forward.feed_forward_backward": (("feed_forward, gelu_new", "feed_forward, relu"), (
        ("slope_times(dz, z, p.intermediate.b, act, dz)", "pass", "forgot the activation"),
        ("slope_times(dz, z, p.intermediate.b,", "slope_times(dz, z, None,", "the slope without the bias"),
        ("activation(z, act, p.intermediate.b)", "activation(z, act, None)", "the value without the bias"),
    )),
    "activations.activation_backward": (("gelu_new",), (
        ("slope_times(dy, x, bias, name, np.empty_like(dy))", 'slope_times(dy, x, bias, "gelu", np.empty_like(dy))', "another activation"),
        ("slope_times(dy, x,", "slope_times(dy, dy,", "the slope at another place"),
        ("slope_times(dy, x, bias", "slope_times(x, x, bias", "another gradient"),
    )),
    "linear.linear_backward": (("linear",), (
        ("column_sums(dy, g.b)", "g.b[...] = dy.sum(0)", "= for +="),
        ("add_product(g.w, x, dy, transpose_a=True)", "add_product(g.w, dy, x, transpose_a=True)", "transposed"),
        ("return product(dy, p.w, transpose_b=True)", "return product(dy, p.w)", "forgot to transpose"),
        ("column_sums(dy, g.b)", "column_sums(dy[:1], g.b)", "only the first token's"),
    )),
    "linear.linear_backward (factors)": (("linear, in factors",), (
        ("add_product(g.u, x, dxu, transpose_a=True)", "pass", "forgot a factor"),
        ("add_product(g.v, product(x, p.u), dy, transpose_a=True)", "pass", "forgot the other factor"),
    )),
    "layer_norm.cu": (("layer_norm", "residual, dropout"), (
        ("(d[i][j] - mean - h[i][j] * mean_product) * r", "(d[i][j] - h[i][j] * mean_product) * r", "forgot the part through the mean"),
        ("(d[i][j] - mean - h[i][j] * mean_product) * r", "(d[i][j] - mean) * r", "forgot the part through the variance"),
        ("(d[i][j] - mean - h[i][j] * mean_product) * r", "(d[i][j] - mean - h[i][j] * mean_product)", "forgot 1 / σ"),
        ("d[i][j] *= g[j];  // dx̂", "", "forgot gamma"),
        ("dbeta[i][j] += d[i][j];", "dbeta[i][j] = d[i][j];", "only the last row's"),
        ("dgamma[i][j] += d[i][j] * h[i][j];", "dgamma[i][j] += d[i][j];", "forgot x̂"),
        ("for (i64 row = blockIdx.x; row < N; row += gridDim.x) {", "for (i64 row = blockIdx.x; row < N - 1; row += gridDim.x) {", "a row too few"),
    )),
    "layer_norm.backward": (("layer_norm",), (
        ("g.gamma += sums[0].sum(0)", "g.gamma[...] = sums[0].sum(0)", "= for +="),
        ("g.beta += sums[1].sum(0)", "g.beta += sums[0].sum(0)", "the other sums"),
        ("g.beta += sums[1].sum(0)", "pass", "forgot beta"),
    )),
    "layer_norm.layer_norm_backward": (("layer_norm",), (
        ("backward(dy, cache, p, g, None)", "dy", "did nothing"),
        ("backward(dy, cache, p, g, None)", "backward(dy, cache, p, p, None)", "into the parameters"),
        ("backward(dy, cache, p, g, None)", "backward(2 * dy, cache, p, g, None)", "twice the gradient"),
    )),
    "residual.residual_backward": (("residual, dropout",), (
        ("return dx, dx if df is None else df", "return dx, dx", "forgot the dropout"),
        ("return dx, dx if df is None else df", "return df, dx", "through the dropout on the wrong side"),
        ("dx = backward(dy, cache, p, g, df)", "dx = backward(dy, cache, p, g, df) + dy", "past the layer norm"),
    )),
    "softmax.cu": (("softmax",), (
        ("sum += (A)dy[at + c] * (A)y[at + c];", "sum += (A)dy[at + c];", "forgot the weights of the sum"),
        ("((A)dy[at + c] - sum) * (A)y[at + c]", "((A)dy[at + c]) * (A)y[at + c]", "forgot what the normalisation does"),
        ("((A)dy[at + c] - sum) * (A)y[at + c]", "((A)dy[at + c] - sum)", "forgot the factor in front"),
    )),
    "softmax.softmax_backward": (("softmax",), (
        ("dy, y, dx, W=W", "dy, dy, dx, W=W", "another y"),
        ("dy, y, dx, W=W", "y, y, dx, W=W", "another gradient"),
        ("    return dx", "    return dx * y", "once too often"),
    )),
    "dropout.dropout_backward": (("dropout",), (
        ("dropped(dy, drop)", "dy", "forgot the mask"),
        ("dropped(dy, drop)", "dropped(dropped(dy, drop), drop)", "scaled twice"),
        ("dropped(dy, drop)", "dy - dropped(dy, drop)", "the others"),
    )),
    "common.cuh": (("dropout", "residual, dropout"), (
        ("bits >= d.threshold ? v[j] * d.scale", "bits > d.threshold + 9000 ? v[j] * d.scale", "another rate"),
        ("bits >= d.threshold ? v[j] * d.scale", "bits >= d.threshold ? v[j]", "lost the scale"),
        ("round < 10", "round < 9", "a round too few"),
    )),
    "cross_entropy.cu": (("cross_entropy", "cross_entropy, many classes"), (
        ("(c == label ? 1 - (A)smoothing : (A)0)", "(c == label ? 1 : (A)0)", "the label as sharp as without smoothing"),
        ("(exp((A)x[at + c] - base) - wanted) * scale", "(exp((A)x[at + c] - base) - wanted)", "forgot the weights"),
        ("(exp((A)x[at + c] - base) - wanted) * scale", "(exp((A)x[at + c] - base)) * scale", "forgot the label"),
        ("(exp((A)x[at + c] - base) - wanted) * scale", "((A)x[at + c] - wanted) * scale", "logits for probabilities"),
    )),
    "cross_entropy.cross_entropy_backward": (("cross_entropy",), (
        ("scaled * dloss", "scaled * scaled * dloss", "weights twice"),
        ("np.float64(smoothing)", "np.float64(0.3)", "another smoothing"),
        ("    return dx", "    return dx * dx", "squared"),
    )),
    "embedding.cu": (("embedding", "embedding, one row untaught"), (
        ("if (continues) aside[(i64)blockIdx.x * W + c] = sum;", "if (continues) {}", "what continues is lost"),
        ("else if (place != untaught) table", "else table", "an untaught row is taught"),
        ("table[place * W + c] = (G)((A)table[place * W + c] + sum);\n            continues", "table[place * W + c] = (G)sum;\n            continues", "= for +="),
        ("sum = 0;\n        }", "}", "sums run on into the next row"),
    )),
    "embedding.embedding_backward": (("embedding", "embedding, one row untaught"), (
        ("(untaught, None, None)", "(None, None, None)", "an untaught row is taught"),
        ("(g.word, g.position, g.token_type)", "(g.word, g.position)", "forgot a table"),
        ("add_rows(table, rows, dy,", "add_rows(table, rows, dy[::-1],", "another token's gradient"),
    )),
    "gather.gather_backward": (("gather",), (
        ("add_rows(dx, rows, dy)", "dx[...] = 1", "something else"),
        ("add_rows(dx, rows, dy)", "add_rows(dx, rows, dy[::-1])", "another row's gradient"),
        ("np.zeros_like(x)", "np.ones_like(x)", "what lay there before"),
    )),
    "pooler.pooler_backward": (("pooler",), (
        ('activation_backward(dy, c_tanh, "tanh")', "dy", "forgot the tanh"),
        ("first, p, g)", "first * first, p, g)", "another input"),
        (", c_gather)", ", (c_gather[0] + 1, c_gather[1]))", "into the wrong rows"),
    )),
    "fusion.fuse_backward": (("fuse",), (
        ('activation_backward(dh, c_tanh, "tanh")', "dh", "forgot the tanh"),
        ("return dlow, dhigh", "return dhigh, dlow", "exchanged"),
        ("both, p, g)", "both * both, p, g)", "another input"),
    )),
    "io.cu": (ATTENTION, (
        ("d[j] = first + j < row.seen ? (d[j] - sum) * p[j] * (A)scale : (A)0;", "d[j] = first + j < row.seen ? (d[j] - sum) * p[j] : (A)0;", "lost the scale"),
        ("(d[j] - sum) * p[j] * (A)scale", "d[j] * p[j] * (A)scale", "forgot what the normalisation does"),
        ("if (first + j < row.seen) sum += d[j] * p[j];", "if (first + j < row.seen) sum += d[j];", "forgot the weights of the sum"),
        ("u32 element = row.head * row.length + 8", "u32 element = 8", "all heads have the same mask"),
        ("sources[g] > past ? (int)sources[g] : past", "(int)sources[g]", "a target does not see its past"),
        ("row.token = starts[g] + row.query;", "row.token = row.query;", "masks of another sequence"),
    )),
    "attention.attention_backward": (ATTENTION, (
        ("paste(product(ds, k), dq, tile)", "paste(product(ds, q), dq, tile)", "queries for keys"),
        ("product(ds, q, transpose_a=True), dk", "product(ds, q), dk", "forgot to transpose"),
        ("product(dropped(probs, tile, drop), dc, transpose_a=True)", "product(probs, dc, transpose_a=True)", "the values without dropout"),
        ("dx += linear_backward(dv, x, p.value, g.value)", "linear_backward(dv, x, p.value, g.value)", "forgot a way"),
        ("linear_backward(dq, x, p.query, g.query)", "linear_backward(dq, x, p.query, g.key)", "into the wrong parameters"),
    )),
    "attention.weights_backward": (ATTENTION, (
        ("np.float64(1 / math.sqrt(D))", "np.float64(1 / D)", "another scale"),
        ("tile, dweights, probs,", "tile, dweights, dweights,", "another softmax"),
        ("*drop)\n    return dweights", "*drop)\n    return dweights * probs", "once too often"),
    )),
    "tiles.cu": (ATTENTION, (
        ("((starts[g] + l) * heads + head) * D + d", "((starts[g] + l) * heads) * D + d", "one head for all"),
        ("l < lengths[g],", "l < lengths[g] - 1,", "the last token is left out"),
    )),
}  # fmt: skip
