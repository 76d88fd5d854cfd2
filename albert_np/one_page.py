"""ALBERT (Lan et al. 2020) on one page, with NumPy alone: text -> batches -> two losses -> every gradient -> LAMB.

    python one_page.py [FILE]     train for two minutes, on the docstrings of NumPy if no text file is given
    python one_page.py --check    compare every gradient with finite differences

The N tokens of a batch stand end to end, one row each, without padding. dz is the derivative of the loss by z, with z's shape.
`f_backward`, below each `f`, takes dy and all that `f` kept to dx, and adds the derivatives of the parameters p to g. No dropout.
"""
import re
import sys
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np

V, E, H, A, F, L, P = 1000, 32, 64, 4, 256, 3, 33  # vocabulary, embedding, hidden, heads, feed-forward, layers, positions
CLS, SEP, MASK, UNK, WORDS = range(5)  # four special ids, then those of the words. Also: B sequences of T tokens, D = H / A
Batch = namedtuple("Batch", "ids positions token_types sequences first_rows masked_rows masked_labels order_labels")

def initialise(rng, dtype):
    linears = {"embeddings.projection": (E, H), "ffn.intermediate": (H, F), "ffn.output": (F, H), "mlm.dense": (H, E)}
    linears |= {"attention." + name: (H, H) for name in ("query", "key", "value", "output")} | {"pooler": (H, H), "sop": (H, 2)}
    norms = {"embeddings.norm": E, "attention_norm": H, "ffn_norm": H, "mlm.norm": E}
    matrices = {"embeddings.word": (V, E), "embeddings.position": (P, E), "embeddings.token_type": (2, E)}
    matrices |= {name + ".w": shape for name, shape in linears.items()}
    zeros = {"mlm.b": V} | {name + ".b": O for name, (I, O) in linears.items()} | {name + ".beta": W for name, W in norms.items()}
    p = {name: rng.normal(0, 0.09, shape) for name, shape in matrices.items()} | {name: np.zeros(W) for name, W in zeros.items()}
    return {name: w.astype(dtype) for name, w in (p | {name + ".gamma": np.ones(W) for name, W in norms.items()}).items()}

def linear(x, p, name):  # x (N, I) -> y (N, O)
    return x @ p[name + ".w"] + p[name + ".b"]
def linear_backward(dy, x, p, g, name):  # dy (N, O) -> dx (N, I)
    g[name + ".w"] += x.T @ dy  # (I, O)
    g[name + ".b"] += dy.sum(0)  # (O,)
    return dy @ p[name + ".w"].T

def layer_norm(x, p, name):  # x (N, W) -> y (N, W): each row to mean 0 and variance 1, then scaled and shifted
    rstd = 1 / np.sqrt(x.var(-1, keepdims=True) + 1e-12)  # (N, 1)
    xhat = (x - x.mean(-1, keepdims=True)) * rstd  # (N, W)
    return xhat * p[name + ".gamma"] + p[name + ".beta"], (xhat, rstd)
def layer_norm_backward(dy, xhat, rstd, p, g, name):  # dy (N, W) -> dx (N, W)
    g[name + ".gamma"] += (dy * xhat).sum(0)  # (W,)
    g[name + ".beta"] += dy.sum(0)  # (W,)
    dxhat = dy * p[name + ".gamma"]  # (N, W)
    return rstd * (dxhat - dxhat.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True))

def gelu(x):  # x (N, W) -> y (N, W)
    t = np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x))  # (N, W)
    return 0.5 * x * (1 + t), (x, t)
def gelu_backward(dy, x, t):  # dy (N, W) -> dx (N, W)
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * x * x))

def softmax(x):  # x (..., W) -> y (..., W)
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
def softmax_backward(dy, y):  # dy (..., W) -> dx (..., W)
    return y * (dy - (dy * y).sum(-1, keepdims=True))

def cross_entropy(logits, labels):  # (M, C), (M,) -> the mean of -log softmax(logits)[label], and its derivative (M, C)
    probs = softmax(logits)  # (M, C)
    onehot = labels[:, None] == np.arange(logits.shape[1])  # (M, C)
    return -np.log(probs[onehot]).mean(), (probs - onehot) / len(labels)

def attention(x, p, sequences):  # x (N, H) -> y (N, H); sequences: the slice of the rows of each
    q, k, v = (linear(x, p, "attention." + name).reshape(len(x), A, -1) for name in ("query", "key", "value"))  # (N, A, D) each
    context, probs = np.empty_like(v), []  # (N, A, D)
    for rows in sequences:  # token t attends to every token u of its own sequence; √D keeps the scores' variance near 1
        probs.append(softmax(np.einsum("tad,uad->atu", q[rows], k[rows]) / q.shape[2] ** 0.5))  # (A, T, T)
        context[rows] = np.einsum("atu,uad->tad", probs[-1], v[rows])  # (T, A, D)
    return linear(context.reshape(x.shape), p, "attention.output"), (x, q, k, v, probs, context)
def attention_backward(dy, x, q, k, v, probs, context, p, g, sequences):  # dy (N, H) -> dx (N, H)
    dcontext = linear_backward(dy, context.reshape(x.shape), p, g, "attention.output").reshape(v.shape)  # (N, A, D)
    dq, dk, dv = np.empty_like(q), np.empty_like(k), np.empty_like(v)  # (N, A, D) each
    for rows, a in zip(sequences, probs):
        dv[rows] = np.einsum("atu,tad->uad", a, dcontext[rows])  # (T, A, D)
        da = np.einsum("tad,uad->atu", dcontext[rows], v[rows])  # (A, T, T)
        dproduct = softmax_backward(da, a) / q.shape[2] ** 0.5  # (A, T, T), of q kᵀ
        dq[rows] = np.einsum("atu,uad->tad", dproduct, k[rows])  # (T, A, D)
        dk[rows] = np.einsum("atu,tad->uad", dproduct, q[rows])  # (T, A, D)
    dheads = [("query", dq), ("key", dk), ("value", dv)]
    return sum(linear_backward(dz.reshape(x.shape), x, p, g, "attention." + name) for name, dz in dheads)

def block(x, p, sequences):  # x (N, H) -> y (N, H)
    a, c_attention = attention(x, p, sequences)  # (N, H)
    h, c_norm_a = layer_norm(x + a, p, "attention_norm")  # (N, H)
    u, c_gelu = gelu(linear(h, p, "ffn.intermediate"))  # (N, F)
    y, c_norm_f = layer_norm(h + linear(u, p, "ffn.output"), p, "ffn_norm")  # (N, H)
    return y, (c_attention, c_norm_a, h, u, c_gelu, c_norm_f)
def block_backward(dy, c_attention, c_norm_a, h, u, c_gelu, c_norm_f, p, g, sequences):  # dy (N, H) -> dx (N, H)
    df = layer_norm_backward(dy, *c_norm_f, p, g, "ffn_norm")  # (N, H): of both terms of the sum h + f
    dz = gelu_backward(linear_backward(df, u, p, g, "ffn.output"), *c_gelu)  # (N, F)
    dh = df + linear_backward(dz, h, p, g, "ffn.intermediate")  # (N, H)
    da = layer_norm_backward(dh, *c_norm_a, p, g, "attention_norm")  # (N, H): of both terms of the sum x + a
    return da + attention_backward(da, *c_attention, p, g, sequences)

def albert(batch, p):  # -> logits of the masked words (M, V) and of the order (B, 2)
    e = p["embeddings.word"][batch.ids] + p["embeddings.position"][batch.positions]  # (N, E)
    e, c_norm = layer_norm(e + p["embeddings.token_type"][batch.token_types], p, "embeddings.norm")  # (N, E)
    h, c_blocks = linear(e, p, "embeddings.projection"), []  # (N, H): V E + E H numbers instead of V H
    for _ in range(L):  # the parameters are shared: the same block L times
        h, cache = block(h, p, batch.sequences)  # (N, H)
        c_blocks.append(cache)
    u, c_gelu = gelu(linear(h[batch.masked_rows], p, "mlm.dense"))  # (M, E)
    t, c_norm_t = layer_norm(u, p, "mlm.norm")  # (M, E)
    pooled = np.tanh(linear(h[batch.first_rows], p, "pooler"))  # (B, H)
    mlm_logits = t @ p["embeddings.word"].T + p["mlm.b"]  # (M, V): the word table again, as decoder
    return mlm_logits, linear(pooled, p, "sop"), (e, c_norm, c_blocks, h, c_gelu, c_norm_t, t, pooled)

def losses_and_gradients(batch, p):  # -> both losses, and the gradients of their sum
    mlm_logits, sop_logits, (e, c_norm, c_blocks, h, c_gelu, c_norm_t, t, pooled) = albert(batch, p)
    mlm_loss, dmlm = cross_entropy(mlm_logits, batch.masked_labels)  # (), (M, V)
    sop_loss, dsop = cross_entropy(sop_logits, batch.order_labels)  # (), (B, 2)
    g, dh = {name: np.zeros_like(w) for name, w in p.items()}, np.zeros_like(h)  # (N, H)
    dpooled = linear_backward(dsop, pooled, p, g, "sop")  # (B, H)
    dh[batch.first_rows] += linear_backward(dpooled * (1 - pooled * pooled), h[batch.first_rows], p, g, "pooler")
    g["mlm.b"] += dmlm.sum(0)  # (V,)
    g["embeddings.word"] += dmlm.T @ t  # (V, E): the word table as decoder; further below, as lookup
    du = layer_norm_backward(dmlm @ p["embeddings.word"], *c_norm_t, p, g, "mlm.norm")  # (M, E)
    dh[batch.masked_rows] += linear_backward(gelu_backward(du, *c_gelu), h[batch.masked_rows], p, g, "mlm.dense")
    for cache in reversed(c_blocks):
        dh = block_backward(dh, *cache, p, g, batch.sequences)  # (N, H); each use of the parameters adds to the same g
    de = layer_norm_backward(linear_backward(dh, e, p, g, "embeddings.projection"), *c_norm, p, g, "embeddings.norm")  # (N, E)
    for table, rows in ("word", batch.ids), ("position", batch.positions), ("token_type", batch.token_types):
        np.add.at(g["embeddings." + table], rows, de)  # unlike g[rows] += de, this adds up the gradients of repeated rows
    return mlm_loss, sop_loss, g

def lamb_step(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):  # t: 1, 2, ...
    for name, w in p.items():
        m[name] += (1 - beta1) * (g[name] - m[name])
        v[name] += (1 - beta2) * (g[name] * g[name] - v[name])
        u = m[name] / (1 - beta1**t) / (np.sqrt(v[name] / (1 - beta2**t)) + eps)  # m and v begin at 0: corrected for it
        if w.ndim > 1:  # all but biases and layer norms
            u += weight_decay * w
            u *= np.linalg.norm(w) / np.linalg.norm(u)  # the trust ratio: a step in proportion to the size of the weights
        w -= lr * u

def make_batch(lines, rng, B=32):  # pairs [CLS] a [SEP] b [SEP] of adjacent lines, half of them swapped; 15 % of the words masked
    swapped, firsts = rng.integers(2, size=B), rng.integers(len(lines) - 1, size=B)  # (B,) each
    pairs = [(lines[i + s][: (P - 3) // 2], lines[i + 1 - s][: (P - 3) // 2]) for i, s in zip(firsts, swapped)]
    labels = np.concatenate([[CLS, *a, SEP, *b, SEP] for a, b in pairs])  # (N,)
    types = np.concatenate([[0] * (len(a) + 2) + [1] * (len(b) + 1) for a, b in pairs])  # (N,)
    ends = np.cumsum([len(a) + len(b) + 3 for a, b in pairs])  # (B,)
    starts = np.concatenate([[0], ends[:-1]])  # (B,)
    positions = np.arange(len(labels)) - np.repeat(starts, ends - starts)  # (N,)
    masked = np.flatnonzero((rng.random(len(labels)) < 0.15) & (labels >= WORDS))  # (M,)
    drawn, others, ids = rng.random(len(masked)), rng.integers(WORDS, V, len(masked)), labels.copy()  # (M,), (M,), (N,)
    ids[masked] = np.where(drawn < 0.8, MASK, np.where(drawn < 0.9, others, labels[masked]))  # 80 % [MASK], 10 % another word
    return Batch(ids, positions, types, [slice(*each) for each in zip(starts, ends)], starts, masked, labels[masked], swapped)

def check():  # compare every gradient along a random direction with central differences, in float64
    rng, errors = np.random.default_rng(0), []
    p = {name: w + rng.normal(0, 0.1, w.shape) for name, w in initialise(rng, np.float64).items()}
    batch = make_batch([rng.integers(WORDS, V, n) for n in (5, 9, 1, 7)], rng, B=6)
    g = losses_and_gradients(batch, p)[2]
    for name, w in p.items():
        d = rng.normal(size=w.shape) / w.size**0.5
        up, down = (sum(losses_and_gradients(batch, p | {name: w + step * d})[:2]) for step in (1e-5, -1e-5))
        slope, ours = (up - down) / 2e-5, (g[name] * d).sum()  # both are 0 for attention.key.b, which the softmax ignores
        errors.append(abs(slope - ours) / max(abs(slope), abs(ours), 1e-3))
        print(f"{errors[-1]:.1e}  {name} {w.shape}")
    return max(errors) < 1e-6

def train(path=None, steps=4000, peak=0.01):
    text = Path(path).read_text("utf-8") if path else "\n".join(each.__doc__ or "" for each in vars(np).values())
    lines = [words for line in text.lower().splitlines() if (words := re.findall(r"[^\W\d_]+|\S", line))]
    frequent = Counter(word for words in lines for word in words).most_common(V - WORDS)
    vocabulary = ["[CLS]", "[SEP]", "[MASK]", "[UNK]"] + [word for word, _ in frequent]
    assert len(vocabulary) == V, f"{path} has {len(frequent)} different words, expected at least {V - WORDS}"
    index = {word: i for i, word in enumerate(vocabulary)}
    lines = [[index.get(word, UNK) for word in words] for words in lines]
    share = np.array([count for _, count in frequent]) / sum(count for _, count in frequent)
    print(f"loss of a random guess {np.log(V):.2f}, by frequency {-(share * np.log(share)).sum():.2f} (the unigram entropy)")
    rng, cut = np.random.default_rng(0), len(lines) * 19 // 20  # the last twentieth is held out
    held_out, p = make_batch(lines[cut:], rng, B=256), initialise(rng, np.float32)
    held_out.ids[held_out.masked_rows] = MASK
    m, v = ({name: np.zeros_like(w) for name, w in p.items()} for _ in "mv")
    for t in range(1, steps + 1):
        g = losses_and_gradients(make_batch(lines[:cut], rng), p)[2]
        lamb_step(p, g, m, v, t, lr=peak * min(10 * t / steps, 1 - t / steps))
        if t % (steps // 10) == 0:
            mlm_logits, sop_logits, _ = albert(held_out, p)
            loss, right = cross_entropy(mlm_logits, held_out.masked_labels)[0], sop_logits.argmax(-1) == held_out.order_labels
            print(f"step {t:4}   held-out text: loss at [MASK] {loss:.2f}   sentence order {right.mean():.0%} right", flush=True)
    shown = [vocabulary[i] for i in held_out.ids]
    for row, guess, label in zip(held_out.masked_rows, mlm_logits.argmax(-1), held_out.masked_labels):
        shown[row] = f"[{vocabulary[guess]}]" if guess == label else f"[{vocabulary[guess]}, not {vocabulary[label]}]"
    print("\n".join(" ".join(shown[rows]) for rows in held_out.sequences[:5]))

if __name__ == "__main__":
    sys.exit(not check()) if "--check" in sys.argv else train(*sys.argv[1:])
