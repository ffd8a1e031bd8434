"""The memory of a mesh as one gateway uses it."""

from __future__ import annotations

from pathlib import Path

from gateway.config import Config
from gateway.memory.store import Store, open_store


class Memory:
    """What a gateway has of the memory: its `store`. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def open(cls, mesh: Path, config: Config) -> Memory:
        """The memory of a mesh folder. Raises GatewayError when it can not be opened."""
        return cls(open_store(mesh, config.store))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()
