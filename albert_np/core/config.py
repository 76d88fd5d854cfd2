"""The sizes and choices that define a pretraining model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """The model's settings, under Hugging Face's field names. The defaults are the sizes of xxlarge (paper, Table 1)."""

    vocab_size: int = 30000  # V
    embedding_size: int = 128  # E
    hidden_size: int = 4096  # H
    num_hidden_layers: int = 12  # L
    num_hidden_groups: int = 1  # groups of layers with parameters of their own; 1: all L layers share one group's
    inner_group_num: int = 1  # blocks (attention and feed-forward) in one layer
    num_attention_heads: int = 64  # A
    intermediate_size: int = 16384  # F
    hidden_act: str = "gelu_new"  # tanh approximation, as Google's ALBERT; or another of layers/activations.py
    hidden_dropout_prob: float = 0.0
    attention_probs_dropout_prob: float = 0.0
    max_position_embeddings: int = 512  # P
    type_vocab_size: int = 2  # S
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    fusion_layers: tuple[int, ...] = ()  # increasing indices of the hidden states (0: embeddings) to fuse; (): plain ALBERT
    sharing: str = "all"  # which parts the layers share (Table 4): "all" (within num_hidden_groups), "attention", "ffn" or "none"
    pad_row_gradient: bool = True  # False: the lookup adds no gradient to the padding token's row (torch's padding_idx)
    recompute: bool = False  # keep only each layer's input in the forward pass; compute the rest again in the backward pass

    @property
    def num_groups(self) -> int:
        """Number of groups in the parameter tree: num_hidden_groups, or one per layer if the layers do not share everything."""
        return self.num_hidden_groups if self.sharing == "all" else self.num_hidden_layers

    def group_of(self, layer: int) -> int:
        """Index of the group that computes this layer (Google's rule, in integers)."""
        return layer * self.num_groups // self.num_hidden_layers
