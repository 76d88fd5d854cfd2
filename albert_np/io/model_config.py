"""The interface of a model configuration, as far as reading and writing checkpoints needs it."""

import os
from typing import Any, TypeVar

from albert_np.core.config import Config

C = TypeVar("C", bound="ModelConfig")


class ModelConfig(Config):
    """`core.Config` with what checkpoint files hold besides; `models.AlbertConfig` implements it.

    num_labels   outputs of the task's head; id2label: their names
    ranks        {"ffn.intermediate": 64, ...}: weights of a block that are stored as two factors of this rank
    extra        keys of other programs, among them "architectures", the class that the checkpoint belongs to
    """

    num_labels: int
    id2label: dict[int, str] | None
    ranks: dict[str, int]
    extra: dict[str, Any]

    @property
    def head_width(self) -> int:
        """D, the width of one attention head."""
        raise NotImplementedError

    def replace(self: C, **changes: Any) -> C:
        """Return a copy with some fields changed."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return every field and every key of other programs, ready for JSON."""
        raise NotImplementedError

    def to_google(self) -> dict[str, Any]:
        """Return the keys of Google's albert_config.json, ready for JSON."""
        raise NotImplementedError

    @classmethod
    def from_pretrained(
        cls: type[C], path: str | os.PathLike[str], strict: bool = False, weights: str | None = None, **hub_options: Any
    ) -> C:
        """Read the config that `path` means; weights: "torch", "tf" or None, see `AlbertConfig.from_pretrained`."""
        raise NotImplementedError

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write config.json into a folder."""
        raise NotImplementedError
