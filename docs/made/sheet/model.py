"""The model, its training, and what stands around it: one record for each."""

from made.sheet.operation import Operation

MODEL = (
    Operation(
        function="core.model.embeddings.embeddings", about="factorised: width E, then H", notebook=3, exercise="embeddings",
        takes={"ids": "N", "w": "E H", "b": "H"}, gives={"x": "N H"},
        forward=(
            (r"e_1 = \op{embedding}(i, p, t), \quad", "e_1 = embedding(ids, positions, token_types)"),
            (r"e_2 = \op{layer_norm}(e_1)", "e_2 = layer_norm(e_1)"),
            (r"e_3 = \op{dropout}(e_2), \quad", "e_3 = dropout(e_2)"),
            (r"x = e_3\,w + b", "x = e_3 @ w + b"),
        ),
        kept=("c_tables", "c_norm", "c_dropout", "c_projection"),
        backward=(
            (r"de_3 = \back{linear}(dx; w), \quad", "de_3 = linear_back(dx, w)"),
            (r"de_2 = \back{dropout}(de_3)", "de_2 = dropout_back(de_3)"),
            (r"de_1 = \back{layer_norm}(de_2), \quad", "de_1 = layer_norm_back(de_2)"),
            (r"\back{embedding}(de_1)", "embedding_back(de_1)"),
        ),
        remark="V E + E H parameters instead of V H.",
        symbols={"ids": "i", "positions": "p", "token_types": "t"},
    ),
    Operation(
        function="core.model.block.block", about="attention and feed-forward", notebook=8, exercise="block",
        takes={"x": "N H"}, gives={"y": "N H"},
        forward=(
            (r"a = \op{attention}(x), \quad", "a = attention(x)"),
            (r"h = \op{add_norm}(x, a)", "h = add_norm_1(x, a)"),
            (r"f = \op{feed_forward}(h), \quad", "f = feed_forward(h)"),
            (r"y = \op{add_norm}(h, f)", "y = add_norm_2(h, f)"),
        ),
        kept=("c_attention", "c_norm_a", "c_ffn", "c_norm_f"),
        backward=(
            (r"dh, df = \back{add_norm}(dy), \quad", "dh, df = add_norm_2_back(dy)"),
            (r"dh \pluseq \back{feed_forward}(df)", "dh += feed_forward_back(df)"),
            (r"dx, da = \back{add_norm}(dh), \quad", "dx, da = add_norm_1_back(dh)"),
            (r"dx \pluseq \back{attention}(da)", "dx += attention_back(da)"),
        ),
        remark="h and x are used twice each: past the operation, and through it.",
        symbols={
            "add_norm_1": r"\op{add_norm}", "add_norm_2": r"\op{add_norm}", "add_norm_1_back": r"\back{add_norm}",
            "add_norm_2_back": r"\back{add_norm}",
        },
    ),
    Operation(
        function="core.model.encoder.layer", about="here two blocks", notebook=8,
        takes={"x": "N H"}, gives={"y": "N H"},
        forward=((r"z = \op{block}_1(x), \quad", "z = block_1(x)"), (r"y = \op{block}_2(z)", "y = block_2(z)")),
        kept=("caches",),
        backward=(
            (r"dz = \back{block}_2(dy), \quad", "dz = block_2_back(dy)"),
            (r"dx = \back{block}_1(dz)", "dx = block_1_back(dz)"),
        ),
        symbols={
            "block_1": r"\op{block}_1", "block_2": r"\op{block}_2", "block_1_back": r"\back{block}_1",
            "block_2_back": r"\back{block}_2",
        },
    ),
    Operation(
        function="core.model.encoder.encoder", about="one layer, L times", notebook=8, exercise="encoder",
        takes={"x": "N H"}, gives={"h": "L+1 x N H"},
        forward=(
            (r"h_0 = x, \quad", "h[0] = x"),
            (
                r"h_{l+1} = \op{layer}_{\lfloor l G / L \rfloor}(h_l)\note{, \quad l = 0 \dots L-1}",
                "for l in range(L): h[l + 1] = layer(h[l], l)",
            ),
        ),
        kept=("hidden", "c_layers", "dropout_key"),
        backward=(
            (
                r"dh_l \pluseq \back{layer}_{\lfloor l G / L \rfloor}(dh_{l+1})\note{, \quad l = L-1 \dots 0}",
                "for l in reversed(range(L)): dh[l] += layer_back(dh[l + 1], l)",
            ),
            (r"dx = dh_0", "dx = dh[0]"),
        ),
        remark="A shared gradient is the sum over the uses. Recompute: keep h only, run each layer again on the way back.",
        symbols={"hidden": "h", "c_layers": r"\text{c_layers}", "dropout_key": r"\text{dropout_key}"},
    ),
    Operation(
        function="core.model.albert.encode", about="the body", notebook=8, exercise="pretraining",
        takes={"ids": "N"}, gives={"h": "N H"},
        forward=(
            (r"x = \op{embeddings}(i, p, t), \quad", "x = embeddings(ids, positions, token_types)"),
            (r"h_{0 \dots L} = \op{encoder}(x)", "hidden = encoder(x)"),
            (r"h = \op{fuse_levels}(h_{0 \dots L}), \note{\text{ else } h_L}", "h = fuse_levels(hidden)"),
        ),
        kept=("c_embeddings", "c_encoder", "c_fusion"),
        backward=(
            (r"dh_{0 \dots L} = \back{fuse_levels}(dh), \quad", "dhidden = fuse_levels_back(dh)"),
            (r"dx = \back{encoder}(dh_{0 \dots L})", "dx = encoder_back(dhidden)"),
            (r"\back{embeddings}(dx)", "embeddings_back(dx)"),
        ),
        symbols={"hidden": r"h_{0 \dots L}", "ids": "i", "positions": "p", "token_types": "t"},
    ),
    Operation(
        function="core.model.heads.mlm_head", about="masked words, tied decoder", notebook=10, exercise="mlm_head",
        takes={"h": "N H", "rows": "M", "w": "H E", "b": "E", "word": "V E", "b_V": "V"}, gives={"logits": "M V"},
        forward=(
            (r"x = \op{gather}(h, \rho), \quad", "x = gather(h, rows)"),
            (r"t_1 = x\,w + b", "t_1 = x @ w + b"),
            (r"t_2 = \op{activation}(t_1), \quad", "t_2 = activation(t_1)"),
            (r"t = \op{layer_norm}(t_2)", "t = layer_norm(t_2)"),
            (r"z = t\,\op{word}^\top + b_V", "logits = t @ word.T + b_V"),
        ),
        kept=("c_gather", "c_dense", "c_act", "c_norm", "t"),
        backward=(
            (r"d\op{word} \pluseq dz^\top t, \quad", "dword += dlogits.T @ t"),
            (r"db_V \pluseq \textstyle\sum_m dz_m, \quad", "db_V += sum_m(dlogits)"),
            (r"dt = dz\,\op{word}", "dt = dlogits @ word"),
            (r"dt_2 = \back{layer_norm}(dt), \quad", "dt_2 = layer_norm_back(dt)"),
            (r"dt_1 = \back{activation}(dt_2)", "dt_1 = activation_back(dt_2)"),
            (r"dx = \back{linear}(dt_1; w), \quad", "dx = linear_back(dt_1, w)"),
            (r"dh = \back{gather}(dx)", "dh = gather_back(dx)"),
        ),
        remark="The word table is used twice, as lookup and as decoder: both add to dword.",
        symbols={"rows": r"\rho", "logits": "z"},
    ),
    Operation(
        function="core.model.heads.order_head", about="sentence order", notebook=10, exercise="order_head",
        takes={"h": "N H", "w": "H 2", "b": "2"}, gives={"logits": "B 2"},
        forward=((r"f = \op{pooler}(h), \quad", "f = pooler(h)"), (r"z = f\,w + b", "logits = f @ w + b")),
        kept=("c_pooler", "c_linear"),
        backward=(
            (r"df = \back{linear}(dz; w), \quad", "df = linear_back(dlogits, w)"),
            (r"dh = \back{pooler}(df)", "dh = pooler_back(df)"),
        ),
        symbols={"logits": "z"},
    ),
    Operation(
        function="core.model.albert.pretraining", about="both losses", notebook=10, exercise="pretraining",
        takes={"ids": "N"}, gives={"loss": ""},
        forward=(
            (r"h = \op{encode}(i, p, t), \quad", "h = encode(ids, positions, token_types)"),
            (r"z_1 = \op{mlm_head}(h), \quad", "z_1 = mlm_head(h)"),
            (r"z_2 = \op{order_head}(h)", "z_2 = order_head(h)"),
            (
                r"\text{loss} = \op{cross_entropy}(z_1) + \op{cross_entropy}(z_2)",
                "loss = cross_entropy_1(z_1) + cross_entropy_2(z_2)",
            ),
        ),
        kept=("h", "c_encode", "c_mlm", "c_sop"),
        backward=(
            (r"dz_1 = \back{cross_entropy}(d\text{loss}), \quad", "dz_1 = cross_entropy_1_back(dloss)"),
            (r"dz_2 = \back{cross_entropy}(d\text{loss})", "dz_2 = cross_entropy_2_back(dloss)"),
            (r"dh = \back{mlm_head}(dz_1) + \back{order_head}(dz_2), \quad", "dh = mlm_head_back(dz_1) + order_head_back(dz_2)"),
            (r"\back{encode}(dh)", "encode_back(dh)"),
        ),
        symbols={
            "ids": "i", "positions": "p", "token_types": "t",
            "cross_entropy_1": r"\op{cross_entropy}", "cross_entropy_2": r"\op{cross_entropy}",
            "cross_entropy_1_back": r"\back{cross_entropy}", "cross_entropy_2_back": r"\back{cross_entropy}",
        },
    ),
)  # fmt: skip

TRAINING = (
    Operation(
        function="core.optim.clip.clip", about="by the global norm", notebook=12, exercise="clip",
        takes={}, gives={},
        forward=(
            (r"n = \textstyle\sqrt{\sum g^2} \text{ over all tensors,} \quad", "n = sqrt(sum_n(g**2))"),
            (r"g \leftarrow g \cdot \min(1, c / n)", "g = g * minimum(1, c / n)"),
        ),
        remark="The direction stays.",
    ),
    Operation(
        function="core.optim.adamw.adamw_step", about="", notebook=12, exercise="adamw",
        takes={}, gives={},
        forward=(
            (r"m \leftarrow \beta_1 m + (1 - \beta_1)\,g, \quad", "m = beta_1 * m + (1 - beta_1) * g"),
            (r"v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2, \quad", "v = beta_2 * v + (1 - beta_2) * g**2"),
            (r"u = m / (\sqrt{v} + \varepsilon), \quad", "u = m / (sqrt(v) + eps)"),
            (r"w \leftarrow w - \eta\,(u + \lambda\,w)", "w = w - lr * (u + decay * w)"),
        ),
        remark="λ is 0 for biases and layer norms. Bias correction: m / (1 − β₁ᵗ) and v / (1 − β₂ᵗ) in u.",
        symbols={"beta_1": r"\beta_1", "beta_2": r"\beta_2", "lr": r"\eta", "decay": r"\lambda"},
    ),
    Operation(
        function="core.optim.adamw.lamb_step", about="", notebook=12, exercise="lamb",
        takes={}, gives={},
        forward=(
            (r"u = m / (\sqrt{v} + \varepsilon) + \lambda\,w, \quad", "u = m / (sqrt(v) + eps) + decay * w"),
            (r"w \leftarrow w - \eta\,\lVert w \rVert / \lVert u \rVert \; u", "w = w - lr * norm(w) / norm(u) * u"),
        ),
        remark="m and v as in AdamW. Each tensor moves in proportion to its size; biases and layer norms as in AdamW.",
        symbols={"lr": r"\eta", "decay": r"\lambda"},
    ),
    Operation(
        function="core.optim.schedule.learning_rate", about="warm-up, decay", notebook=12,
        takes={}, gives={},
        forward=(
            (
                r"\eta = \text{peak} \cdot s / \text{warmup}\note{\text{ for } s < \text{warmup}}, \quad",
                "rise = peak * early / warmup",
            ),
            (r"\eta = \text{peak} \cdot (1 - s / \text{total}) \note{\text{ after}}", "fall = peak * (1 - late / total)"),
        ),
        remark="s: updates made before.",
        symbols={
            "rise": r"\eta", "fall": r"\eta", "early": "s", "late": "s", "peak": r"\text{peak}", "warmup": r"\text{warmup}",
            "total": r"\text{total}",
        },
    ),
)  # fmt: skip

AROUND = (
    Operation(
        function="learn.references.masking.count_masked", about="", notebook=10, exercise="masking",
        takes={}, gives={},
        forward=((
            r"n = \min\big(\text{most},\, \max(1, \operatorname{round}(0.15\,T))\big)\note{\text{ in whole words}}",
            "n = minimum(most, maximum(1, round(0.15 * T)))",
        ),),
        remark="Of these 80 % become [MASK], 10 % stay, 10 % become a random token.",
        symbols={"most": r"\text{most}"},
    ),
    Operation(
        function="learn.references.translation_mask.translation_mask", about="attention of translation", notebook=18,
        exercise="translation_mask",
        takes={}, gives={"visible": "T T"},
        forward=((r"\text{visible}_{tu} = \big[u < \max(S, t + 1)\big]", "visible = u < maximum(S, t + 1)"),),
        remark="Query t sees key u: the source (S tokens) sees itself; the target sees the source and what came before.",
        symbols={"visible": r"\text{visible}"},
    ),
    Operation(
        function="learn.references.int8.fake_quantise", about="straight through", notebook=19, exercise="int8",
        takes={"w": "R C", "s": "R 1"}, gives={"y": "R C"},
        forward=(
            (r"s = \max_k \lvert w_k \rvert / q, \quad", "s_of_row = row_max(abs(w)) / q"),
            (r"n = \operatorname{round}(w / s), \quad", "n = round(w / s)"),
            (r"y = s \odot \operatorname{clip}(n, -q, q), \quad", "y = s * clip(n, -q, q)"),
            (r"\text{inside} = \big[\lvert n \rvert \le q\big]", "inside = abs(n) <= q"),
        ),
        kept=("inside",),
        backward=((r"dw = dy \odot \text{inside}", "dw = dy * inside"),),
        remark="q = 127. Rounding counts as an error that does not depend on w.",
        symbols={
            "s_of_row": "s", "row_max": r"\max", "abs": r"\lvert", "clip": r"\operatorname{clip}", "inside": r"\text{inside}",
        },
    ),
)  # fmt: skip
