"""Mistakes to plant in the live source, one at a time: a gradient check is believed when it has caught each of them.

PLANTED: the function (module.name below albert_np) -> the checks that look at it, and (old text, new text, what is wrong).
Every function whose name ends in _backward is here, at least three times. A planted mistake must not raise: those that do need no
gradient check to be found.
"""

# ruff: noqa: E501  (a table)
Mistakes = tuple[tuple[str, str, str], ...]

PLANTED: dict[str, tuple[str, Mistakes]] = {
    "core.layers.activations.gelu_new_backward": ("gelu_new", (
        ("1 + 3 * CUBIC", "1 + CUBIC", "lost the 3 of x cubed"),
        ("0.5 * (1 + t) + 0.5", "0.5", "forgot a term of the product rule"),
        ("(1 - t * t)", "(1 - t)", "tanh' without the square"),
        ("slope = SQRT_2_OVER_PI * ", "slope = ", "lost the constant of u"),
    )),
    "core.layers.activations.gelu_backward": ("gelu", (
        ("(phi + x * density)", "phi", "forgot a term of the product rule"),
        ("math.sqrt(2 * math.pi)", "math.sqrt(math.pi)", "wrong constant of the density"),
        ("np.exp(-0.5 * (x * x))", "np.exp(-(x * x))", "wrong variance of the density"),
    )),
    "core.layers.activations.relu_backward": ("relu", (
        ("(x > 0)", "(x < 0)", "the wrong side"),
        ("(x > 0)", "(dy > 0)", "looked at the gradient's sign"),
        ("(x > 0)", "(x > 1)", "wrong threshold"),
        ("dy * (x > 0)", "dy", "forgot to look at x at all"),
    )),
    "core.layers.activations.tanh_backward": ("tanh", (
        ("(1 - y * y)", "(1 - y)", "lost the square"),
        ("(1 - y * y)", "(1 + y * y)", "wrong sign"),
        ("(1 - y * y)", "y * (1 - y)", "that is the logistic function's"),
    )),
    "core.layers.activations.activation_backward": ("gelu", (
        ("ACTIVATIONS[name][1](dy, cache)", "dy", "left the activation out"),
        ("ACTIVATIONS[name]", 'ACTIVATIONS["gelu_new"]', "always the same activation"),
        ("[1](dy, cache)", "[1](dy * dy, cache)", "the gradient squared"),
    )),
    "core.layers.softmax.softmax_backward": ("softmax", (
        (" - (dy * y).sum(-1, keepdims=True)", "", "forgot what the normalisation does"),
        ("(dy * y).sum(-1,", "(dy * y).sum(0,", "summed over the wrong axis"),
        ("(dy * y).sum(", "(dy * y).mean(", "mean for sum"),
        ("(dy * y).sum(", "dy.sum(", "forgot the weights of the sum"),
        ("y * (dy -", "(dy -", "forgot the factor in front"),
    )),
    "core.layers.dropout.dropout_backward": ("dropout", (
        ("dy * keep * scale", "dy * keep", "lost the scale"),
        ("dy * keep * scale", "dy * scale", "lost the mask"),
        ("dy * keep * scale", "dy * ~keep * scale", "the mask inverted"),
        ("dy * keep * scale", "dy * keep / scale", "divided by the scale"),
    )),
    "core.layers.linear.linear_backward": ("attention", (
        ("g.w += x.T @ dy", "g.w[...] = x.T @ dy", "= for +="),
        ("g.b += dy.sum(0)", "g.b[...] = dy.sum(0)", "= for +="),
        ("g.w += x.T @ dy", "g.w += x.T @ dy / len(x)", "a mean over the tokens"),
        ("g.w += x.T @ dy", "g.w += dy.T @ x", "transposed"),
        ("g.b += dy.sum(0)", "g.b += dy[0]", "only the first token's"),
        ("dy @ p.w.T", "dy @ p.w", "swapped transpose"),
    )),
    "core.layers.linear.linear_backward (factors)": ("linear, in factors", (
        ("g.v += (x @ p.u).T @ dy", "g.v[...] = (x @ p.u).T @ dy", "= for +="),
        ("g.u += x.T @ dxu", "g.u[...] = x.T @ dxu", "= for +="),
        ("(x @ p.u).T @ dy", "(x @ g.u).T @ dy", "the gradient's factor for the parameter's"),
        ("dxu = dy @ p.v.T", "dxu = dy @ p.v.T / len(p.v)", "a mean over the rank"),
        ("g.u += x.T @ dxu", "g.u += x.T @ (dxu * dxu)", "squared"),
        ("dxu @ p.u.T", "dxu @ p.u.T + x", "added the input"),
    )),
    "compress.layers.masked.apply_mask_backward": ("masked", (
        ("dy * s, dy * w", "dy * s, dy * s", "the mask's gradient without the weight"),
        ("dy * s, dy * w", "dy, dy * w", "forgot the mask"),
        ("dy * s, dy * w", "dy * s, -dy * w", "wrong sign"),
        ("dy * s, dy * w", "dy * s, dy * s * w", "only what stays is scored"),
    )),
    "compress.layers.fake_quantise.fake_quantise_backward": ("fake_quantise, straight through", (
        ("dy * inside", "dy", "forgot the clipping"),
        ("dy * inside", "dy * ~inside", "the wrong side"),
        ("dy * inside", "dy * inside * 0.5", "a factor"),
    )),
    "models.layers.soft_cross_entropy.soft_cross_entropy_backward": ("soft_cross_entropy, temperature", (
        ("T * (q - p)", "(q - p)", "lost the temperature"),
        ("T * (q - p)", "T * T * (q - p)", "forgot the T of the softened logits"),
        ("(q - p)", "(p - q)", "wrong sign"),
        ("(q - p)", "q", "forgot the teacher"),
        ("* scaled[:, None] * dloss", "* scaled[:, None]", "forgot the chain rule"),
        ("scaled[:, None]", "scaled.mean()", "every item alike"),
    )),
    "models.distillation.distillation_backward": ("distillation: classes, all three losses", (
        ("lesson.hard * a + (1 - lesson.hard) * b", "lesson.hard * a", "forgot the teacher"),
        ("lesson.hard * a + (1 - lesson.hard) * b", "a + b", "forgot the weights"),
        ("hidden_loss_backward(lesson.hidden, ", "hidden_loss_backward(1.0, ", "forgot a weight"),
        (" if c_hints else None", " if not c_hints else None", "forgot the hidden states"),
    )),
    "models.distillation.soft_loss_backward": ("distillation: tokens", (
        ("gather_backward(backward(1.0, c_loss), c_gather)", "gather_backward(backward(2.0, c_loss), c_gather)", "twice"),
        ("gather_backward(backward(1.0, c_loss), c_gather)", "-gather_backward(backward(1.0, c_loss), c_gather)", "wrong sign"),
        ("gather_backward(backward(1.0, c_loss), c_gather) if c_loss else", "", "nothing at all"),
    )),
    "models.distillation.hidden_loss_backward": ("distillation: tokens", (
        ("squared_error_backward(dloss, c_error)", "squared_error_backward(1.0, c_error)", "forgot the chain rule"),
        ("squared_error_backward(dloss, c_error)", "-squared_error_backward(dloss, c_error)", "wrong sign"),
        ("in cache]", "in cache[:1] * len(cache)]", "the same level again and again"),
    )),
    "core.layers.layer_norm.layer_norm_backward": ("layer_norm", (
        (" - rows_mean(dxhat) ", " ", "forgot the part through the mean"),
        (" - xhat * rows_mean(dxhat * xhat)", "", "forgot the part through the variance"),
        ("dxhat = dy * p.gamma", "dxhat = dy * 1", "forgot gamma"),
        ("g.gamma += (dy * xhat).sum(0)", "g.gamma += dy.sum(0)", "gamma's as if it were beta's"),
        ("g.gamma += (dy * xhat).sum(0)", "g.gamma[...] = (dy * xhat).sum(0)", "= for +="),
        ("g.beta += dy.sum(0)", "g.beta += dy.mean(0)", "mean for sum"),
        ("return rstd * ", "return ", "lost the scale"),
        ("rows_mean(dxhat * xhat)", "rows_mean(dy * xhat)", "dy for dxhat"),
    )),
    "core.layers.embedding.embedding_backward": ("embedding", (
        ("scatter_add(g.word, ids, dword)", "g.word[ids] += dword", "repeated ids do not add up"),
        ("scatter_add(g.word, ids, dword)", "g.word[ids] = dword", "= for +="),
        ("scatter_add(g.position, positions, dy)", "pass", "forgot a table"),
        ("g.token_type, token_types, dy", "g.token_type, 0 * token_types, dy", "all into row 0"),
        ("g.position, positions, dy", "g.position, positions - 1, dy", "off by one"),
    )),
    "core.layers.gather.gather_backward": ("gather", (
        ("scatter_add(dx, rows, dy)", "dx[rows] = dy", "repeated rows do not add up"),
        ("scatter_add(dx, rows, dy)", "dx[rows] += dy", "repeated rows do not add up, though it says +="),
        ("np.zeros_like(x)", "np.ones_like(x)", "starts at 1"),
        ("dx, rows, dy", "dx, rows - 1, dy", "off by one"),
    )),
    "core.layers.attention.attend_backward": ("attend, one sequence", (
        ("softmax_backward(dprobs, probs)", "dprobs", "left the softmax out"),
        ("softmax_backward(dprobs, probs)", "probs * dprobs", "softmax without what the normalisation does"),
        (" * (1 / math.sqrt(q.shape[-1]))", "", "lost the scale"),
        ("math.sqrt(q.shape[-1])", "math.sqrt(q.shape[0])", "scale by the number of heads"),
        ("dscores.swapaxes(1, 2) @ q", "dscores @ q", "swapped transpose"),
        ("dv = dropped.swapaxes(1, 2)", "dv = dropped", "swapped transpose"),
        ("return dscores @ k, dscores.swapaxes(1, 2) @ q", "return dscores @ q, dscores.swapaxes(1, 2) @ k", "q and k exchanged"),
    )),
    "core.layers.attention.attend_backward (with dropout)": ("attention, dropout", (
        ("dv = dropped.swapaxes(1, 2)", "dv = probs.swapaxes(1, 2)", "the values without dropout"),
        ("drop_probs_backward(dcontext @ v.swapaxes(1, 2), c_drop)", "dcontext @ v.swapaxes(1, 2)", "the weights without dropout"),
        ("softmax_backward(dprobs, probs)", "softmax_backward(dprobs, dropped)", "the softmax of what is left"),
    )),
    "core.layers.attention.drop_probs_backward": ("attention, dropout", (
        ("dropout_backward(ddropped.swapaxes(0, 1).reshape(T, A * T), cache)", "ddropped.swapaxes(0, 1).reshape(T, A * T)", "no dropout"),
        ("ddropped.swapaxes(0, 1).reshape(T, A * T)", "ddropped.reshape(T, A * T)", "another order of rows than forward"),
        ("rows.reshape(T, A, T).swapaxes(0, 1)", "rows.reshape(A, T, T)", "another order of rows than forward"),
    )),
    "core.layers.attention.attention_backward": ("attention", (
        ("linear_backward(dy, c_output, p.output, g.output)", "linear_backward(dy, x, p.output, g.output)", "another layer's cache"),
        ("linear_backward(dq, x, p.query, g.query) +", "", "forgot the queries"),
        ("linear_backward(dk, x, p.key, g.key)", "linear_backward(dk, x, p.key, g.query)", "into the wrong parameters"),
        ("linear_backward(dv, x, p.value, g.value)", "linear_backward(dv, x, p.key, g.value)", "with the wrong weights"),
        ("zip((dq, dk, dv), attend", "zip((dk, dq, dv), attend", "q and k exchanged"),
        ("heads(d[rows], A)[...] = part", "d[rows] = part.reshape(len(d[rows]), -1)", "heads put together in the wrong order"),
    )),
    "core.layers.feed_forward.feed_forward_backward": ("feed_forward, gelu_new", (
        ("dz = activation_backward(da, c_act, act)", "dz = da", "left the activation out"),
        ("return linear_backward(dz,", "return linear_backward(da,", "went past the activation"),
        ("return linear_backward(", "return dy + linear_backward(", "the residual counted here too"),
        ("p.output, g.output)", "p.output, p.output)", "moved the parameters"),
    )),
    "core.layers.fusion.fuse_backward": ("fuse", (
        ("dlow, dhigh = np.split", "dhigh, dlow = np.split", "levels exchanged"),
        ("tanh_backward(dh, c_tanh)", "dh", "left tanh out"),
        ("return dlow, dhigh", "return dlow, dlow", "the low level twice"),
        ("np.split(both, 2, axis=-1)", "(both[:, ::2], both[:, 1::2])", "cut in the wrong way"),
    )),
    "core.layers.pooler.pooler_backward": ("pooler", (
        ("tanh_backward(dy, c_tanh)", "dy", "left tanh out"),
        ("tanh_backward(dy, c_tanh)", "tanh_backward(dy, c_linear)", "another layer's cache"),
        ("gather_backward(dfirst, c_gather)", "gather_backward(dy, c_gather)", "went past the linear map"),
        ("c_linear, p, g)", "c_linear, p, p)", "moved the parameters"),
    )),
    "core.layers.cross_entropy.cross_entropy_backward": ("cross_entropy", (
        ("(probs.shape) * dloss", "(probs.shape)", "forgot the chain rule"),
        ("picked, -(1", "picked, (1", "wrong sign"),
        ("(1 - smoothing) * scaled)", "1.0)", "the label's part without weight"),
        ("picked, -(1", "picked - 1, -(1", "off by one"),
        ("spread * scaled[:, None]", "spread * scaled.mean()", "every item alike"),
    )),
    "core.layers.cross_entropy.cross_entropy_backward (smoothing)": ("cross_entropy, label smoothing", (
        ("probs - smoothing / probs.shape[-1]", "probs", "forgot what is spread over all classes"),
        ("-(1 - smoothing) * scaled", "-scaled", "the label as sharp as without smoothing"),
        ("probs - smoothing / probs.shape[-1]", "probs - smoothing", "spread over one class"),
    )),
    "core.model.embeddings.embeddings_backward": ("embeddings: tables, norm, dropout, projection", (
        ("de = dropout_backward(de, c_drop)", "pass", "forgot the dropout"),
        ("de = layer_norm_backward", "layer_norm_backward", "went past the layer norm"),
        ("embedding_backward(de, c_tables, g)", "embedding_backward(de, c_tables, p)", "moved the parameters"),
        ("c_projection, p.projection, g.projection)", "c_projection, p.projection, p.projection)", "moved the parameters"),
    )),
    "core.layers.add_norm.residual_backward": ("residual, dropout", (
        ("return dx, dropout_backward(dx, c_drop)", "return dx, dx", "forgot the dropout"),
        ("return dx, dropout_backward(dx, c_drop)", "return dropout_backward(dx, c_drop), dx", "through the dropout on the wrong side"),
        ("return dx, dropout_backward(dx, c_drop)", "return dy, dropout_backward(dx, c_drop)", "past the layer norm"),
        ("dx = layer_norm_backward(dy, c_norm, p, g)", "dx = dropout_backward(layer_norm_backward(dy, c_norm, p, g), c_drop)", "dropped twice"),
    )),
    "core.model.block.block_backward": ("block, dropout", (
        ("dh = dh + feed_forward_backward", "dh = feed_forward_backward", "forgot the way around the feed-forward"),
        ("return dx + attention_backward", "return attention_backward", "forgot the way around the attention"),
        ("feed_forward_backward(df, c_ffn", "feed_forward_backward(dh, c_ffn", "went past a dropout"),
        ("attention_backward(da, c_attention", "attention_backward(dx, c_attention", "went past a dropout"),
        ("residual_backward(dh, c_sum_a,", "residual_backward(dh, c_sum_f,", "another layer's cache"),
        ("p.ffn_norm, g.ffn_norm", "p.ffn_norm, g.attention_norm", "into the wrong parameters"),
        ("return dx + attention", "return dy + attention", "the way around both layer norms"),
    )),
    "core.model.encoder.layer_backward": ("encoder, a gradient into every hidden state", (
        ("zip(reversed(caches)", "zip(caches", "caches in forward order"),
        ("reversed(p.blocks)", "p.blocks", "parameters in forward order"),
        ("reversed(g.blocks)", "g.blocks", "gradients in forward order"),
        ("dy = block_backward", "block_backward", "nothing is handed down"),
    )),
    "core.model.encoder.encoder_backward": ("encoder, a gradient into every hidden state", (
        ("dx = dx + dhidden[l]", "dx = dhidden[l]", "lost what comes from above"),
        ("dx + dhidden[l]", "dx + dhidden[l + 1]", "level off by one"),
        ("dx = dx + dhidden[l]", "pass", "lost the levels"),
        ("caches[l]", "caches[0]", "the same cache for all"),
        ("g_groups[config.group_of(l)]", "g_groups[0]", "all into the first group"),
        ("reversed(range(config", "reversed(range(1, config", "one layer too few"),
        ("reversed(range(config.num_hidden_layers))", "range(config.num_hidden_layers)", "in forward order"),
    )),
    "core.model.encoder.encoder_backward (recomputing)": ("model: dropout, recompute", (
        ("layer(hidden[l], p", "layer(hidden[l + 1], p", "computes from the layer's output"),
        ("config, rng, l,", "config, None, l,", "computes again without dropout"),
        ("config, rng, l,", "config, rng, l + 1,", "computes again with another layer's masks"),
    )),
    "core.model.fusion.fuse_levels_backward": ("fuse_levels (0, 2, 3) of 3", (
        ("dfused, dhidden[level] = fuse_backward", "dhidden[level], dfused = fuse_backward", "levels exchanged"),
        ("dhidden[levels[0]] = dfused", "dhidden[levels[0]] = 0 * dfused", "lost the lowest level"),
        ("reversed(g)", "g", "into the wrong fusion"),
        ("reversed(caches)", "caches", "caches in forward order"),
    )),
    "core.model.fusion.fuse_levels_backward (the top left out)": ("model: fusion (1, 2), the top left out", (
        ("dhidden[levels[0]] = dfused", "dhidden[0] = dfused", "into the wrong level"),
        ("dhidden[-1] = 0 * dfused", "dhidden[-1] = 1 * dfused", "a gradient from a level that was not taken"),
    )),
    "core.model.heads.mlm_head_backward": ("mlm_head with its tied table", (
        ("g_word += dlogits.T @ t", "pass", "lost a use of the tied table"),
        ("g_word += dlogits.T @ t", "g_word[...] = dlogits.T @ t", "= for +="),
        ("g.b += dlogits.sum(0)", "g.b[...] = dlogits.sum(0)", "= for +="),
        ("g.b += dlogits.sum(0)", "g.b += dlogits.mean(0)", "mean for sum"),
        ("dt = layer_norm_backward", "layer_norm_backward", "went past the layer norm"),
        ("dt = activation_backward(dt, c_act, config.hidden_act)", "pass", "left the activation out"),
    )),
    "core.model.heads.order_head_backward": ("order_head", (
        ("linear_backward(dlogits, c_linear, p.sop, g.sop)", "dlogits @ p.sop.w.T", "forgot the parameters"),
        ("p.pooler, g.pooler)", "p.pooler, p.pooler)", "moved the parameters"),
        ("return pooler_backward", "return -pooler_backward", "wrong sign"),
    )),
    "models.layers.squared_error.squared_error_backward": ("squared_error", (
        ("2 * off", "off", "lost the 2 of the square"),
        ("scaled * dloss", "scaled", "forgot the chain rule"),
        ("off * scaled", "off / abs(off) * scaled", "that is the absolute error's"),
        ("off * scaled", "off * scaled.mean()", "every item alike"),
    )),
    "models.layers.binary_cross_entropy.binary_cross_entropy_backward": ("binary_cross_entropy", (
        ("0.5 * (1 + np.tanh(0.5 * x))", "(1 + np.tanh(0.5 * x))", "twice the probability"),
        ("np.tanh(0.5 * x)", "np.tanh(x)", "the probability of 2 x"),
        (" - y)", ")", "forgot the labels"),
        (" - y)", " + y)", "wrong sign"),
        ("* scaled * dloss", "* scaled", "forgot the chain rule"),
        ("* scaled * dloss", "* scaled.mean() * dloss", "every item alike"),
    )),
    "models.layers.pad_packed.spread_backward": ("spread", (
        ("places, axis=1", "places[::-1], axis=1", "tokens in reverse order"),
        ("dy.reshape(dy.shape[0], -1)", "dy.swapaxes(1, 2).reshape(dy.shape[0], -1)", "another order than forward"),
        ("places, axis=1).T", "places, axis=1).T[:, ::-1]", "columns exchanged"),
        ("return np.take", "return -np.take", "wrong sign"),
    )),
    "models.task_heads.sequence_head_backward": ("sequence_head, dropout", (
        ("dropout_backward(linear_backward(dlogits, c_linear, p.task, g.task), c_drop)",
         "linear_backward(dlogits, c_linear, p.task, g.task)", "forgot the dropout"),
        ("linear_backward(dlogits, c_linear, p.task, g.task)", "dlogits @ p.task.w.T", "forgot the parameters"),
        ("p.pooler, g.pooler)", "p.pooler, p.pooler)", "moved the parameters"),
        ("return pooler_backward", "return -pooler_backward", "wrong sign"),
    )),
    "models.task_heads.token_head_backward": ("token_head, dropout", (
        ("dropout_backward(linear_backward(dlogits, c_linear, p, g), c_drop)", "linear_backward(dlogits, c_linear, p, g)", "forgot the dropout"),
        ("linear_backward(dlogits, c_linear, p, g)", "dlogits @ p.w.T", "forgot the parameters"),
        ("c_linear, p, g)", "c_linear, p, p)", "moved the parameters"),
    )),
    "models.task_heads.span_head_backward": ("span_head", (
        ("spread_backward(dscores, c_spread)", "spread_backward(dscores[::-1], c_spread)", "first and last tokens exchanged"),
        ("c_linear, p, g)", "c_linear, p, p)", "moved the parameters"),
        ("return linear_backward", "return 0.5 * linear_backward", "half of it"),
    )),
    "models.task_heads.relation_head_backward": ("relation_head, dropout", (
        ("dropout_backward(linear_backward(dlogits, c_linear, p, g), c_drop)", "linear_backward(dlogits, c_linear, p, g)", "forgot the dropout"),
        ("c_linear, p, g)", "c_linear, p, p)", "moved the parameters"),
        ("dboth.reshape(2 * len(dboth), -1)", "np.concatenate(np.split(dboth, 2, axis=1))", "entities of different sequences exchanged"),
    )),
    "models.task_losses.relation_classification_backward": ("model: relations", (
        ("task_loss_backward(c_loss)[0]", "2 * task_loss_backward(c_loss)[0]", "the loss twice"),
        ("p.relation, g.relation)", "p.relation, p.relation)", "moved the parameters"),
        ("encode_backward(relation", "encode_backward(0 * relation", "nothing reaches the body"),
    )),
    "models.translation.translation_backward": ("model: translation", (
        ("cross_entropy_backward(1.0, c_loss)", "cross_entropy_backward(0.5, c_loss)", "half of the loss"),
        ("g.embeddings.word, config", "0 * g.embeddings.word, config", "lost a use of the tied table"),
        ("p.mlm, g.mlm", "p.mlm, p.mlm", "moved the parameters"),
        ("encode_backward(dh,", "encode_backward(0 * dh,", "nothing reaches the body"),
    )),
    "models.task_losses.task_loss_backward": ("task_loss, single label classification", (
        ("backward(1.0, c_loss)", "backward(0.5, c_loss)", "half of a loss"),
        ("np.zeros_like(table)", "np.ones_like(table)", "a gradient from where there is no label"),
        ("return dtables", "return dtables[::-1]", "tables in reverse order"),
    )),
    "models.task_losses.sequence_classification_backward": ("model: sequence classification", (
        ("task_loss_backward(c_loss)[0]", "2 * task_loss_backward(c_loss)[0]", "the loss twice"),
        ("(dlogits, c_head, p, g)", "(dlogits, c_head, p, p.zeros_like())", "lost the head's gradient"),
        ("encode_backward(sequence", "encode_backward(0 * sequence", "nothing reaches the body"),
    )),
    "models.task_losses.token_classification_backward": ("model: token classification", (
        ("task_loss_backward(c_loss)[0]", "2 * task_loss_backward(c_loss)[0]", "the loss twice"),
        ("p.task, g.task)", "p.task, p.task)", "moved the parameters"),
        ("encode_backward(token", "encode_backward(0 * token", "nothing reaches the body"),
    )),
    "models.task_losses.question_answering_backward": ("model: question answering", (
        ("task_loss_backward(c_loss))", "task_loss_backward(c_loss)[::-1])", "first and last tokens exchanged"),
        ("p.task, g.task)", "p.task, p.task)", "moved the parameters"),
        ("encode_backward(span", "encode_backward(0 * span", "nothing reaches the body"),
    )),
    "core.model.albert.encode_backward": ("model: fusion (1, 3)", (
        ("embeddings_backward(dx,", "embeddings_backward(dh,", "went past the encoder"),
        ("embeddings_backward(dx, c_embeddings, p.embeddings, g.embeddings)", "pass", "forgot the embeddings"),
        ("encoder_backward(dhidden,", "encoder_backward([None] * (len(dhidden) - 1) + dhidden[-1:],", "lost the lower levels"),
        ("g.fusion, config", "p.fusion, config", "moved the parameters"),
    )),
    "core.model.albert.pretraining_backward": ("model: sharing none", (
        ("dh += order_head_backward", "dh = order_head_backward", "= for +="),
        ("dh += mlm_head_backward", "mlm_head_backward", "lost what the masked tokens say"),
        ("g.embeddings.word, config", "0 * g.embeddings.word, config", "lost a use of the tied table"),
        ("cross_entropy_backward(1.0, c_loss), c_head", "cross_entropy_backward(0.5, c_loss), c_head", "half of a loss"),
        ("if c_sop:", "if c_sop and not c_mlm:", "one loss or the other"),
    )),
}  # fmt: skip

# Mistakes that no gradient check can see, because forward and backward agree: the invariant that finds them, by its name in
# invariants.py.
UNSEEN: dict[str, tuple[str, Mistakes]] = {
    "core.layers.attention.attention": ("order_of_sequences_changes_nothing", (
        ("rng.rows[rows]", "rng.rows[: len(q[rows])]", "masks depend on the place in the batch, not on the example"),
    )),
    "core.batch.Batch.pack": ("order_of_sequences_changes_nothing", (
        ("np.arange(len(sequences)) if examples is None else examples", "np.arange(len(sequences))", "examples numbered by place"),
        (" - np.repeat(sequences.starts, sequences.lengths)", "", "tokens numbered through the batch"),
    )),
    "core.model.encoder.encoder_backward": ("recomputing_changes_nothing", (
        ("_, c = layer(hidden[l]", "_, c = layer(hidden[l] * (1 + 2e-16)", "not quite the same input"),
        ("config, rng, l,", "config, rng, l + 1,", "another layer's masks"),
    )),
    "core.model.block.block": ("masks_differ_wherever_they_should", (
        ("rng.at(name, number)", "rng.at(name, 0)", "all layers have the same masks"),
        ("rng.at(name, number)", 'rng.at("", number)', "both dropouts of a block have the same mask"),
    )),
    "core.random.Dropout.words_of_step": ("masks_differ_wherever_they_should", (
        ("self.step", "0", "all steps have the same masks"),
    )),
    "core.random.Dropout.key": ("masks_differ_wherever_they_should", (
        ("place[0] ^ step[0], place[1] ^ step[1]", "step", "all places have the same masks"),
        ("place[0] ^ step[0], place[1] ^ step[1]", "place", "all steps have the same masks"),
    )),
    "core.random.Dropout.words_of_place": ("masks_differ_wherever_they_should", (
        ("self.place[1]", "0", "all layers have the same masks"),
        ('"dropout " + self.place[0]', '"dropout"', "all operations of a layer have the same masks"),
    )),
    "core.random._words": ("masks_differ_wherever_they_should", (
        ("_key(seed,", "_key(0,", "all seeds have the same masks"),
        ("(number,)", "(0,)", "all layers and steps have the same masks"),
    )),
    "core.model.albert.pretraining": ("micro_batches_add_up", (
        ('denominators["mlm"] if denominators else M', "M", "each micro-batch its own mean"),
        ('denominators["sop"] if denominators else B', "B", "each micro-batch its own mean"),
    )),
    "models.translation.translation": ("micro_batches_of_tasks_add_up", (
        ('denominators["mlm"] if denominators else len(rows)', "len(rows)", "each micro-batch its own mean"),
    )),
    "models.task_heads.relation_head": ("order_of_sequences_changes_no_task", (
        ("np.take(rng.rows, rows[:, 0], axis=0)", "rng.rows[: len(rows)]", "a sequence has the mask of another's token"),
    )),
    "models.task_losses.task_loss": ("micro_batches_of_tasks_add_up", (
        ('denominators["task"] if denominators else M', "M", "each micro-batch its own mean"),
    )),
    "models.task_heads.sequence_head": ("order_of_sequences_changes_no_task", (
        ("np.take(rng.rows, sequences.first_rows(h), axis=0)", "rng.rows[: len(pooled)]", "a sequence has the mask of another's token"),
    )),
    "models.layers.pad_packed.spread": ("every_sequence_of_a_task_by_itself", (
        ("sequences.starts[:, None] + token", "token + 0 * sequences.starts[:, None]", "every sequence has the first one's scores"),
        ("float(np.finfo(x.dtype).min)", "0.0", "the softmax sees tokens that are not there"),
    )),
    "core.layers.attention.attention (across sequences)": ("every_sequence_by_itself", (
        ("heads(k[rows], A), heads(v[rows], A)", "heads(k[: len(q[rows])], A), heads(v[: len(q[rows])], A)", "tokens meet another sequence's"),
    )),
}  # fmt: skip
