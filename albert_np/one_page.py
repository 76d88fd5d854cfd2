"""ALBERT (Lan et al. 2020) in NumPy: `python one_page.py [FILE]` trains it on a text, `--check` checks all gradients.
The N tokens of a batch stand end to end, one row each: no padding; nor is there any dropout. dz, in the shape of z, is the
derivative of the loss with respect to z. `f_backward`, below each `f`, turns dy into dx and adds the gradients of p to g."""
import re
import sys
from collections import Counter, namedtuple
from pathlib import Path
import numpy as np
V, E, H, A, F, L, S = 1000, 32, 64, 4, 256, 3, 15  # vocabulary, embedding, hidden, heads, feed-forward, layers, words a line
CLS, SEP, MASK, UNK, WORDS = range(5)  # four special ids, then the words. B sequences of T tokens, M words to guess, D = H / A
# rows: `sequences` has those of each sequence, `starts` their first ones, `masked_rows` those of the words to guess; none twice
Batch = namedtuple("Batch", "ids positions token_types sequences starts masked_rows masked_labels order_labels")
TABLES, QKV = ("word", "position", "token_type"), ("query", "key", "value")  # the first three fields choose rows of TABLES

def initialise(rng, dtype):  # matrices small and random, gamma 1, beta and biases 0
    linears = {"embeddings.projection": (E, H), "ffn.intermediate": (H, F), "ffn.output": (F, H), "mlm.dense": (H, E)}
    linears |= {"attention." + name: (H, H) for name in (*QKV, "output")} | {"pooler": (H, H), "sop": (H, 2)}
    norms = {"embeddings.norm": (E,), "attention_norm": (H,), "ffn_norm": (H,), "mlm.norm": (E,)}
    shapes = {"embeddings." + table: (n, E) for table, n in zip(TABLES, (V, 2 * S + 3, 2))} | {"mlm.b": (V,)}
    shapes |= {name + ".w": s for name, s in linears.items()} | {name + ".b": s[1:] for name, s in linears.items()}
    shapes |= {name + ".gamma": s for name, s in norms.items()} | {name + ".beta": s for name, s in norms.items()}
    return {name: (rng.normal(0, 0.09, s) if s[1:] else np.full(s, "gamma" in name)).astype(dtype) for name, s in shapes.items()}

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
    e = np.exp(x - x.max(-1, keepdims=True))  # the same y as without the maximum, but no overflow
    return e / e.sum(-1, keepdims=True)
def softmax_backward(dy, y):  # dy (..., W) -> dx (..., W)
    return y * (dy - (dy * y).sum(-1, keepdims=True))
def cross_entropy(logits, labels):  # (M, C), (M,) -> the mean of -log softmax(logits)[label], and its derivative (M, C)
    probs, onehot = softmax(logits), labels[:, None] == np.arange(logits.shape[1])  # (M, C) each
    return -np.log(probs[onehot]).mean(), (probs - onehot) / len(labels)

def attention(x, p, sequences):  # x (N, H) -> y (N, H): no token sees another sequence. z.mT: last two axes exchanged
    q, k, v = (linear(x, p, "attention." + name).reshape(len(x), A, -1).swapaxes(0, 1) for name in QKV)  # (A, N, D) each
    probs = [softmax(q[:, rows] @ k[:, rows].mT / q.shape[2] ** 0.5) for rows in sequences]  # (A, T, T) each; √D: variance 1
    c = np.concatenate([(a @ v[:, rows]).swapaxes(0, 1) for a, rows in zip(probs, sequences)]).reshape(x.shape)  # (N, H)
    return linear(c, p, "attention.output"), (x, q, k, v, probs, c)
def attention_backward(dy, x, q, k, v, probs, c, p, g, sequences):  # dy (N, H) -> dx (N, H)
    dc = linear_backward(dy, c, p, g, "attention.output").reshape(len(x), A, -1).swapaxes(0, 1)  # (A, N, D)
    dqk = [softmax_backward(dc[:, rows] @ v[:, rows].mT, a) / q.shape[2] ** 0.5 for a, rows in zip(probs, sequences)]  # (A, T, T)
    dq = np.concatenate([d @ k[:, rows] for d, rows in zip(dqk, sequences)], 1)  # (A, N, D)
    dk = np.concatenate([d.mT @ q[:, rows] for d, rows in zip(dqk, sequences)], 1)  # (A, N, D)
    dv = np.concatenate([a.mT @ dc[:, rows] for a, rows in zip(probs, sequences)], 1)  # (A, N, D)
    return sum(linear_backward(dz.swapaxes(0, 1).reshape(x.shape), x, p, g, "attention." + z) for z, dz in zip(QKV, (dq, dk, dv)))

def block(x, p, sequences):  # x (N, H) -> y (N, H)
    a, c_attention = attention(x, p, sequences)  # (N, H)
    h, c_norm_a = layer_norm(x + a, p, "attention_norm")  # (N, H)
    u, c_gelu = gelu(linear(h, p, "ffn.intermediate"))  # (N, F)
    y, c_norm_f = layer_norm(h + linear(u, p, "ffn.output"), p, "ffn_norm")  # (N, H)
    return y, (c_attention, c_norm_a, h, u, c_gelu, c_norm_f)
def block_backward(dy, c_attention, c_norm_a, h, u, c_gelu, c_norm_f, p, g, sequences):  # dy (N, H) -> dx (N, H)
    df = layer_norm_backward(dy, *c_norm_f, p, g, "ffn_norm")  # (N, H): of both terms of the sum h + f
    dh = df + linear_backward(gelu_backward(linear_backward(df, u, p, g, "ffn.output"), *c_gelu), h, p, g, "ffn.intermediate")
    da = layer_norm_backward(dh, *c_norm_a, p, g, "attention_norm")  # (N, H): of both terms of the sum x + a
    return da + attention_backward(da, *c_attention, p, g, sequences)

def albert(batch, p):  # -> logits of the masked words (M, V), by the word table again, and of the order (B, 2)
    e, c_norm = layer_norm(sum(p["embeddings." + z][rows] for z, rows in zip(TABLES, batch)), p, "embeddings.norm")  # (N, E)
    h, c_blocks = linear(e, p, "embeddings.projection"), [None] * L  # (N, H): V E + E H numbers instead of V H
    for i in range(L):  # the parameters are shared: the same block L times
        h, c_blocks[i] = block(h, p, batch.sequences)  # (N, H)
    u, c_gelu = gelu(linear(h[batch.masked_rows], p, "mlm.dense"))  # (M, E)
    t, c_norm_u = layer_norm(u, p, "mlm.norm")  # (M, E)
    s = np.tanh(linear(h[batch.starts], p, "pooler"))  # (B, H); the derivative of tanh is 1 - s s
    return t @ p["embeddings.word"].T + p["mlm.b"], linear(s, p, "sop"), (e, c_norm, c_blocks, h, c_gelu, c_norm_u, t, s)
def losses_and_gradients(batch, p):  # -> both losses, and the gradients of their sum
    mlm_logits, sop_logits, (e, c_norm, c_blocks, h, c_gelu, c_norm_u, t, s) = albert(batch, p)
    mlm_loss, dmlm = cross_entropy(mlm_logits, batch.masked_labels)  # (), (M, V)
    sop_loss, dsop = cross_entropy(sop_logits, batch.order_labels)  # (), (B, 2)
    g, dh = {name: np.zeros_like(w) for name, w in p.items()}, np.zeros_like(h)  # (N, H)
    dh[batch.starts] += linear_backward(linear_backward(dsop, s, p, g, "sop") * (1 - s * s), h[batch.starts], p, g, "pooler")
    g["mlm.b"] += dmlm.sum(0)  # (V,)
    g["embeddings.word"] += dmlm.T @ t  # (V, E): the word table as decoder; further below, as lookup
    du = layer_norm_backward(dmlm @ p["embeddings.word"], *c_norm_u, p, g, "mlm.norm")  # (M, E)
    dh[batch.masked_rows] += linear_backward(gelu_backward(du, *c_gelu), h[batch.masked_rows], p, g, "mlm.dense")
    for cache in reversed(c_blocks):
        dh = block_backward(dh, *cache, p, g, batch.sequences)  # (N, H); each use of the parameters adds to the same g
    de = layer_norm_backward(linear_backward(dh, e, p, g, "embeddings.projection"), *c_norm, p, g, "embeddings.norm")  # (N, E)
    for table, rows in zip(TABLES, batch):  # the lookups, and so the word table's second gradient
        np.add.at(g["embeddings." + table], rows, de)  # unlike g[rows] += de, this adds up the gradients of repeated rows
    return mlm_loss, sop_loss, g

def lamb_step(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):  # t: 1, 2, ...; m, v: {} at first
    for name, w in p.items():  # biases and layer norms (ndim 1) have no weight decay and no trust ratio
        m[name] = beta1 * m.get(name, 0) + (1 - beta1) * g[name]
        v[name] = beta2 * v.get(name, 0) + (1 - beta2) * g[name] ** 2
        u = m[name] / (1 - beta1**t) / (np.sqrt(v[name] / (1 - beta2**t)) + eps) + weight_decay * w * (w.ndim > 1)
        w -= lr * u * (np.linalg.norm(w) / np.linalg.norm(u) if w.ndim > 1 else 1)  # the trust ratio: a step in proportion to ‖w‖

def make_batch(lines, rng, B=32, fates=(0.85, 0.12, 0.015, 0.015)):  # adjacent lines, every other pair swapped; 15 % to guess
    pairs = [[CLS, *lines[i + b % 2], SEP, *lines[i + 1 - b % 2], SEP] for b, i in enumerate(rng.integers(0, len(lines) - 1, B))]
    words, positions, side = np.concatenate([(s, range(len(s)), np.arange(len(s)) > s.index(SEP)) for s in pairs], 1)  # (N,)
    fate = rng.choice(4, len(words), p=fates) * (words >= WORDS)  # (N,): 0 as it is; to guess: 1 [MASK], 2 another, 3 as it is
    ids = np.choose(fate.astype(np.intp), (words, MASK, rng.integers(WORDS, V, len(words)), words))  # (N,)
    starts, masked = np.flatnonzero(positions == 0), np.flatnonzero(fate)  # (B,), (M,)
    return Batch(ids, positions, side, np.split(np.arange(ids.size), starts[1:]), starts, masked, words[masked], np.arange(B) % 2)

def check():  # every gradient along a random direction against central differences, in float64
    rng = np.random.default_rng(0)
    p = {name: rng.normal(0, 0.2, w.shape) for name, w in initialise(rng, np.float64).items()}
    batch = make_batch([rng.integers(WORDS, V, n) for n in (5, 6, 1, 3)], rng)
    for name, dw in losses_and_gradients(batch, p)[2].items():
        r = rng.normal(size=dw.shape) / dw.size**0.5
        up, down = (sum(losses_and_gradients(batch, p | {name: p[name] + h * r})[:2]) for h in (1e-5, -1e-5))
        print(f"{(up - down) / 2e-5:13.9f} {(dw * r).sum():13.9f}  {name} {dw.shape}")
        assert np.isclose((up - down) / 2e-5, (dw * r).sum(), rtol=1e-6, atol=1e-9), name

def train(text="\n".join(map(lambda each: each.__doc__ or "", vars(np).values())), steps=4000, peak=0.01):
    lines = [w[i:][:S] for w in map(re.compile(r"[^\W\d_]+|\S").findall, text.lower().splitlines()) for i in range(0, len(w), S)]
    word = np.array(["[CLS]", "[SEP]", "[MASK]", "[UNK]", *dict(Counter(np.hstack([[], *lines])).most_common(V - WORDS))], object)
    assert len(word) == V, f"the text has {len(word) - WORDS} different words, expected at least {V - WORDS}"
    ids = {w: i for i, w in enumerate(word)}
    lines = [[ids.get(w, UNK) for w in line] for line in lines]
    rng, cut = np.random.default_rng(0), len(lines) * 19 // 20  # the last twentieth is held out
    test, p, m, v = make_batch(lines[cut:], rng, 256, (0.85, 0.15, 0, 0)), initialise(rng, np.float32), {}, {}
    p["mlm.b"][WORDS:] = np.log1p(np.bincount(np.hstack(lines[:cut]), minlength=V)[WORDS:])  # begin with the words' frequencies
    for t in range(steps + 1):
        if t % (steps // 10) == 0:
            mlm_logits, sop_logits, _ = albert(test, p)
            loss, right = cross_entropy(mlm_logits, test.masked_labels)[0], sop_logits.argmax(-1) == test.order_labels
            print(f"step {t:4}   held-out text: loss at [MASK] {loss:.2f}   sentence order {right.mean():.0%} right", flush=True)
        g = losses_and_gradients(make_batch(lines[:cut], rng), p)[2]
        lamb_step(p, g, m, v, t + 1, lr=peak * min(10 * t / steps, 1 - t / steps))  # warm-up, then down to 0
    shown = word[test.ids]  # (N,)
    shown[test.masked_rows] = "[" + word[mlm_logits.argmax(-1)] + "|" + word[test.masked_labels] + "]"  # guess|truth
    print(*(" ".join(shown[rows]) for rows in test.sequences[:5]), sep="\n")
if __name__ == "__main__":
    sys.tracebacklimit = 0  # an error is one line
    check() if "--check" in sys.argv else train(*(Path(name).read_text("utf-8") for name in sys.argv[1:2]))
