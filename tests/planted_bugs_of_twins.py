"""Mistakes to plant in the fast twins: the form of planted_bugs.py, with which these are tried together."""

# ruff: noqa: E501  (a table)
from planted_bugs import Mistakes

PLANTED: dict[str, tuple[str, Mistakes]] = {
    "engine.cpu.activations.gelu_new_slope": ("gelu_new", (
        ("square *= 3 * C3", "square *= C3", "lost the 3 of x cubed"),
        ("    out += t\n", "", "forgot a term of the product rule"),
        ("np.multiply(t, t, out=out)", "out[...] = t", "tanh' without the square"),
        ("    square += C\n", "", "lost the first term of u'"),
        ("square *= x", "square *= 1", "forgot the factor x"),
    )),
    "engine.cpu.activations.gelu_new_slope (with the value)": ("feed_forward, gelu_new", (
        ("np.multiply(t, 0.5, out=value)", "value[...] = t", "twice the value"),
        ("t *= x", "pass", "the value without its x"),
    )),
    "engine.cpu.activations.gelu_slope": ("gelu", (
        ("    bell *= x\n", "", "forgot the factor x"),
        ("math.sqrt(2 * math.pi)", "math.sqrt(math.pi)", "wrong constant of the density"),
        ("out += bell", "pass", "forgot a term of the product rule"),
    )),
    "engine.cpu.activations.gelu_slope (with the value)": ("feed_forward, gelu", (
        ("np.multiply(x, out, out=value)", "value[...] = out", "the value without its x"),
    )),
    "engine.cpu.activations.relu_slope": ("relu", (
        ("np.greater(x, 0", "np.less(x, 0", "the wrong side"),
        ("np.greater(x, 0", "np.greater(x, 1", "wrong threshold"),
        ("np.greater(x, 0, out=out)", "out[...] = 1", "forgot to look at x at all"),
    )),
    "engine.cpu.activations.relu_slope (with the value)": ("feed_forward, relu", (
        ("relu(x, value)", "value[...] = x", "the value of a line"),
    )),
    "engine.cpu.activations.tanh_slope": ("tanh", (
        ("np.multiply(out, out, out=out)", "pass", "lost the square"),
        ("np.subtract(1, out, out=out)", "np.add(1, out, out=out)", "wrong sign"),
        ("np.tanh(x, out=out)", "out[...] = x", "forgot tanh"),
    )),
    "engine.cpu.activations.activation_backward": ("gelu", (
        ("dx[rows] *= dy[rows]", "pass", "forgot the chain rule"),
        ("slope(x[rows], dx[rows])", "dx[rows] = 1", "left the activation out"),
        ("ACTIVATIONS[name]", 'ACTIVATIONS["gelu_new"]', "always the same activation"),
    )),
    "engine.cpu.add_norm.residual_backward": ("residual, dropout", (
        ("return dx, dropout_backward(dx, c_drop)", "return dx, dx", "forgot the dropout"),
        ("return dx, dropout_backward(dx, c_drop)", "return dropout_backward(dx, c_drop), dx", "through the dropout on the wrong side"),
        ("return dx, dropout_backward(dx, c_drop)", "return dy, dropout_backward(dx, c_drop)", "past the layer norm"),
    )),
    "engine.cpu.softmax.softmax_backward": ("softmax", (
        ("softmax_backward_in_place(dy.copy(), y)", "dy * y", "forgot what the normalisation does"),
        ("(dy.copy(), y)", "(dy.copy(), y * y)", "another y"),
        ("dy.copy()", "dy", "wrote over what it was given"),
    )),
    "engine.cpu.softmax.softmax_backward_in_place": ("attention", (
        ("dy -= np.vecdot(dy, y)[..., None]", "pass", "forgot what the normalisation does"),
        ("np.vecdot(dy, y)", "np.vecdot(dy, np.ones_like(y))", "forgot the weights of the sum"),
        ("np.vecdot(dy, y)", "(1 / y.shape[-1]) * np.vecdot(dy, y)", "mean for sum"),
        ("dy *= y", "pass", "forgot the factor in front"),
    )),
    "engine.cpu.dropout.dropout_backward": ("dropout", (
        ("dx *= scale", "pass", "lost the scale"),
        ("np.multiply(dy, keep)", "dy.copy()", "lost the mask"),
        ("np.multiply(dy, keep)", "np.multiply(dy, ~keep)", "the mask inverted"),
        ("dx *= scale", "dx /= scale", "divided by the scale"),
    )),
    "engine.cpu.linear.linear_backward": ("attention", (
        ("g.w += x.T @ dy", "g.w[...] = x.T @ dy", "= for +="),
        ("g.b += column_sums(dy)", "g.b[...] = column_sums(dy)", "= for +="),
        ("g.w += x.T @ dy", "g.w += x.T @ dy / len(x)", "a mean over the tokens"),
        ("g.w += x.T @ dy", "g.w += dy.T @ x", "transposed"),
        ("g.b += column_sums(dy)", "g.b += dy[0]", "only the first token's"),
        ("dy @ p.w.T", "dy @ p.w", "swapped transpose"),
    )),
    "engine.cpu.linear.linear_backward (factors)": ("linear, in factors", (
        ("g.v += (x @ p.u).T @ dy", "g.v[...] = (x @ p.u).T @ dy", "= for +="),
        ("g.u += x.T @ dxu", "g.u[...] = x.T @ dxu", "= for +="),
        ("dxu = dy @ p.v.T", "dxu = dy @ p.v.T / len(p.v)", "a mean over the rank"),
        ("dxu @ p.u.T", "dxu @ p.u.T + x", "added the input"),
    )),
    "engine.cpu.layer_norm.layer_norm_backward": ("layer_norm", (
        ("out -= mean\n", "pass\n", "forgot the part through the mean"),
        ("out -= np.multiply(h, mean_product, out=product)", "pass", "forgot the part through the variance"),
        ("np.multiply(d, p.gamma, out=out)", "out[...] = d", "forgot gamma"),
        ("mean = (d @ p.gamma)", "mean = d.sum(-1)", "the mean without gamma"),
        ("(product @ p.gamma)", "product.sum(-1)", "the mean product without gamma"),
        ("g.gamma += product.sum(0)", "g.gamma += d.sum(0)", "gamma's as if it were beta's"),
        ("g.gamma += product.sum(0)", "g.gamma[...] = product.sum(0)", "= for +="),
        ("g.beta += d.sum(0)", "g.beta += d.mean(0)", "mean for sum"),
        ("out *= rstd[rows]", "pass", "lost the scale"),
    )),
    "engine.cpu.embedding.embedding_backward": ("embedding", (
        ("add_rows(g.word, ids, dy)", "g.word[ids] += dy", "repeated ids do not add up"),
        ("add_rows(g.position, positions, dy)", "pass", "forgot a table"),
        ("g.token_type, token_types, dy", "g.token_type, 0 * token_types, dy", "all into row 0"),
        ("g.position, positions, dy", "g.position, positions - 1, dy", "off by one"),
    )),
    "engine.cpu.attention.attend_backward": ("attention", (
        ("softmax_backward_in_place(ds, probs)", "pass", "left the softmax out"),
        ("softmax_backward_in_place(ds, probs)", "ds *= probs", "softmax without what the normalisation does"),
        ("np.matmul(ds.swapaxes(-1, -2), q, out=dk)", "np.matmul(ds, q, out=dk)", "swapped transpose"),
        ("(probs if drop is None else probs * drop).swapaxes(-1, -2)", "(probs if drop is None else probs * drop)", "swapped transpose"),
        ("(dq, dk, dv) = inputs, out", "(dk, dq, dv) = inputs, out", "q and k exchanged"),
    )),
    "engine.cpu.attention.attend_backward (with dropout)": ("attention, dropout", (
        ("(probs if drop is None else probs * drop)", "probs", "the values without dropout"),
        ("        ds *= drop\n", "        pass\n", "the weights without dropout"),
        ("softmax_backward_in_place(ds, probs)", "softmax_backward_in_place(ds, probs if drop is None else probs * drop)", "the softmax of what is left"),
    )),
    "engine.cpu.attention.attention_backward": ("attention", (
        ("linear_backward(dy, context, p.output, g.output)", "linear_backward(dy, x, p.output, g.output)", "another layer's cache"),
        ("dx = linear_backward(dq, x, p.query, g.query)", "dx = 0 * x", "forgot the queries"),
        ("linear_backward(dk, x, p.key, g.key)", "linear_backward(dk, x, p.key, g.query)", "into the wrong parameters"),
        ("linear_backward(dv, x, p.value, g.value)", "linear_backward(dv, x, p.key, g.value)", "with the wrong weights"),
        ("dq *= 1 / math.sqrt(q.shape[1] // A)", "pass", "lost the scale"),
        ("math.sqrt(q.shape[1] // A)", "math.sqrt(A)", "scale by the number of heads"),
        ("zip((dq, dk, dv), gradients)", "zip((dk, dq, dv), gradients)", "q and k exchanged"),
        ("weights(here[0], here[1], tile)", "weights(here[1], here[0], tile)", "the weights of keys that look for queries"),
    )),
    "engine.cpu.tiles.tile_of": ("attention", (
        ("hidden[i, 0, :, :length] = False", "hidden[i] = False", "tokens look at the filling"),
    )),
    "engine.cpu.tiles.cut_gradient": ("attention", (
        ("part.swapaxes(1, 2)[~tile.real] = 0", "pass", "a gradient from the filling"),
    )),
    "engine.cpu.feed_forward.feed_forward_backward": ("feed_forward, gelu_new", (
        ("dz *= linear_backward(dy, a, p.output, g.output)", "dz = linear_backward(dy, a, p.output, g.output)", "left the activation out"),
        ("return linear_backward(dz, x", "return linear_backward(dz / 2, x", "half of it"),
        ("linear_backward(dy, a, p", "linear_backward(dy, z, p", "another layer's cache"),
        ("p.output, g.output)", "p.output, p.output)", "moved the parameters"),
    )),
    "core.model.block.block_backward (some rows read)": ("block, dropout, some rows read", (
        ("dh = gather_backward(dh, c_gather)", "dh = 0 * gather_backward(dh, c_gather)", "lost what comes from the rows"),
        ("dh = gather_backward(dh, c_gather)", "dh = gather_backward(dh, (read - 1, c_gather[1]))", "into other rows"),
        ("dy, _ = gather(dy, read)", "dy = dy[: len(read)]", "from other rows"),
    )),
    "engine.cpu.cross_entropy.cross_entropy_backward": ("cross_entropy", (
        ("scaled = scaled * dloss", "pass", "forgot the chain rule"),
        ("labels] -= (", "labels] += (", "wrong sign"),
        ("labels] -= (1 - smoothing) * scaled", "labels] -= 1", "the label's part without weight"),
        ("labels] -= (", "labels - 1] -= (", "off by one"),
        ("probs * scaled[:, None]", "probs * scaled.mean()", "every item alike"),
    )),
    "engine.cpu.cross_entropy.cross_entropy_backward (smoothing)": ("cross_entropy, label smoothing", (
        ("if smoothing:", "if False:", "forgot what is spread over all classes"),
        ("-= (1 - smoothing) * scaled", "-= scaled", "the label as sharp as without smoothing"),
        ("smoothing / dx.shape[-1]", "smoothing / len(dx)", "spread over another number of classes"),
    )),
}  # fmt: skip

UNSEEN: dict[str, tuple[str, Mistakes]] = {
    "engine.cpu.attention.dropped": ("order_of_sequences_changes_nothing", (
        ("rng.rows[start : start + T]", "rng.rows[:T]", "masks depend on the place in the batch, not on the example"),
    )),
    "core.batch.rows_read": ("twins_change_nothing", (
        ("sequences.starts, masked_rows]", "sequences.starts]", "the masked tokens are left out"),
        ("sequences.starts, masked_rows]", "masked_rows]", "[CLS] is left out"),
    )),
    "core.model.block.block (some rows read)": ("order_of_sequences_changes_nothing", (
        ("np.take(rng.rows, read, axis=0)", "rng.rows[: len(read)]", "masks of other rows"),
    )),
    "engine.shards.part (of tasks)": ("threads_change_no_task", (
        ("batch.entity_rows[rows] - start", "0 * batch.entity_rows[rows]", "the part's first row for all entities"),
        ("batch.entity_rows[rows] - start", "(batch.entity_rows[rows] - start)[:, ::-1]", "first and second exchanged"),
        ("s.source_lengths[rows]", "s.source_lengths[: last - first]", "sources of another part's sequences"),
    )),
    "engine.shards.part": ("threads_change_nothing", (
        ("batch.masked_labels[masked]", "batch.masked_labels[: masked.stop - masked.start]", "labels of another part"),
        ("batch.order_labels[rows]", "batch.order_labels[: last - first]", "labels of another part's sequences"),
        ("batch.dropout_rows[tokens]", "batch.dropout_rows[: stop - start]", "masks of another part"),
        ("batch.positions[tokens]", "batch.positions[: stop - start]", "positions of another part"),
    )),
    "engine.shards.counts": ("threads_change_nothing", (
        ('found["mlm"] = len(batch.masked_rows)', 'found["mlm"] = len(batch.masked_rows) / 2', "each part its own mean"),
    )),
}  # fmt: skip
