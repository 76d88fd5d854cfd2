"""block: attention and feed-forward, each with its add_norm."""

from albert_np.core.config import Config
from albert_np.core.model.shapes import groups
from albert_np.core.sequences import Sequences
from albert_np.gradcheck import parameters
from albert_np.learn.exercise import Case, Exercise, normal, random_key


def make_case(seed: int, lengths: tuple[int, ...], A: int, H: int, F: int) -> Case:
    config = Config(
        hidden_size=H, num_attention_heads=A, intermediate_size=F, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2
    )
    N, p = sum(lengths), parameters(groups(config)[0]["blocks"][0], seed)
    return Case(
        seed=seed, x=normal(seed, "x", N, H), dy=normal(seed, "dy", N, H), p=p, sequences=Sequences(lengths), config=config,
        key=random_key(seed, *lengths), sizes={"N": N, "A": A, "H": H, "F": F},
    )  # fmt: skip


EXERCISE = Exercise(
    name="block",
    title="The gradient of a whole transformer block",
    minutes=30,
    needs=("self_attention", "feed_forward", "add_norm"),
    text="""
    a = attention(x)          h = LN(x + drop(a))
    f = feed_forward(h)       y = LN(h + drop(f))        all (N, H)

    x and h are used twice each: by the operation, and by the residual connection around it. The backward passes are there:
    add_norm_backward(dy, cache, p, g) -> two gradients, feed_forward_backward(dy, cache, p, g, config.hidden_act),
    attention_backward(dy, cache, p, g, sequences, config.num_attention_heads).
    p and g have attention, attention_norm, ffn and ffn_norm.
    """,
    imports="from collections import namedtuple\n\nfrom albert_np.core.layers import add_norm, add_norm_backward, attention, "
    "attention_backward, feed_forward, feed_forward_backward",
    given=("core.model.block.BlockCache", "core.model.block.block_keys", "core.model.block.block"),
    solve=("core.model.block.block_backward",),
    stub='''
def block_backward(dy, cache, p, g, sequences, config):
    """dy (N, H) -> dx (N, H); adds to every tensor of g"""
    dh, df = ...  # (N, H) each, from the second add_norm
    dh = ...  # (N, H), both of the uses of h
    dx, da = ...  # (N, H) each, from the first add_norm
    return ...  # (N, H), both of the uses of x
''',
    hints=(
        "From the last line to the first: the second add_norm gives two gradients, one past the feed-forward (for h) and one "
        "through it (for f).",
        "The gradient of h is a sum: dh from the add_norm, plus feed_forward_backward of df.",
        "dh, df = add_norm_backward(dy, cache.c_norm_f, p.ffn_norm, g.ffn_norm); "
        "dh = dh + feed_forward_backward(df, cache.c_ffn, p.ffn, g.ffn, config.hidden_act).",
        "The first half is the same with x in the place of h: c_norm_a, attention_norm, c_attention, attention.",
    ),
    derivation="""
    Backward, from the last line to the first. A sum passes its gradient on to both of its terms, and what is used twice gets the
    sum of two gradients:

        y = LN(h + drop(f))        dh, df = add_norm_backward(dy)
        f = feed_forward(h)        dh = dh + feed_forward_backward(df)
        h = LN(x + drop(a))        dx, da = add_norm_backward(dh)
        a = attention(x)           dx = dx + attention_backward(da)
    """,
    make=make_case,
    sizes=(((4, 1, 3), 2, 6, 7), ((3, 5), 3, 6, 5), ((2, 1, 6), 2, 8, 9), ((5, 2, 2), 4, 8, 6)),  # lengths, A, H, F
    forward=lambda names, c: names["block"](c.x, c.p, c.sequences, c.config, c.key, 1),
    steps={"df": "the gradient of the feed-forward's output", "da": "the gradient of the attention's output"},
    large=((30, 20), 4, 32, 64),
    notebook="08_one_layer_twelve_times",
)
