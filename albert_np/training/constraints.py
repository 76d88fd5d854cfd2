"""What holds the parameters to a form while they are trained: pruned, or rounded to a grid. The loops know no more of it.

with seen(constraints, params):       the forward and the backward pass, and every evaluation
    ...
    gradients                         may change the gradient, before it is clipped
optim.step
stepped                               puts the parameters back into the form
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

from albert_np.core.params import Tree


class Constraint:
    """The form that does nothing."""

    def start(self, params: Tree, total: int) -> None:
        """Before the first of `total` steps."""

    def seen(self, params: Tree) -> AbstractContextManager[None]:
        """Within it `params` are what the model computes with; after it they are what the optimiser changes."""
        return nullcontext()

    def gradients(self, params: Tree, grads: Tree) -> None:
        """After a backward pass, within `seen`."""

    def stepped(self, params: Tree, optimizer: SimpleNamespace, step: int) -> None:
        """After the update of `step`, the first being 1."""

    def settled(self, step: int) -> bool:
        """Whether the form is the final one after this step: what is kept must have been scored in it."""
        return True

    def finish(self, params: Tree) -> None:
        """After the last step: leave the parameters as `seen` shows them."""

    def state(self) -> dict[str, Any]:
        """{name: flat array} that a checkpoint needs to go on; `start` comes first when it is given back."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""


@contextmanager
def seen(constraints: Sequence[Constraint], params: Tree) -> Iterator[None]:
    """All of them, the first outermost."""
    with ExitStack() as stack:
        for constraint in constraints:
            stack.enter_context(constraint.seen(params))
        yield
