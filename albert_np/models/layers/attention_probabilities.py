"""The attention weights of a forward pass, for inspection."""

from albert_np.core.dispatch import Array, op
from albert_np.core.layers.attention import AttentionCache


@op
def attention_probabilities(cache: AttentionCache) -> list[Array]:
    """Attention weights (A, T, T) of each sequence, before dropout."""
    return [each.probs for each in cache.c_attend]
