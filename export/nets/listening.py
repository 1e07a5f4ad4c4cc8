"""What modules answer while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def listening(outputs: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Keep the newest output of each module, by name."""
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, given, output: kept.update({name: output})

    hooks = [module.register_forward_hook(keeper(name)) for name, module in outputs.items()]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()
