"""The memory of a mesh as one gateway uses it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from connectors.interface import Binding
from gateway.catalogue.bindings import fill_secrets
from gateway.config import Config
from gateway.memory.endpoint import Endpoint
from gateway.memory.journals import Journals
from gateway.memory.outbox import Outbox
from gateway.memory.store import Store, open_store


class Memory:
    """What a gateway has of the memory: its `store`. Safe to use from many threads.

    `outbox` tells the endpoint of the settings about lineage; None where they name none.
    """

    def __init__(self, store: Store, outbox: Outbox | None = None) -> None:
        self.store = store
        self.outbox = outbox

    @classmethod
    def open(cls, mesh: Path, config: Config) -> Memory:
        """The memory of a mesh folder. Raises GatewayError when it can not be opened."""
        store = open_store(mesh, config.store)
        try:
            return cls(store, _outbox(store, config))
        except BaseException:
            store.close()
            raise

    def journals(self, first: Path, own: Path) -> Journals:
        """What takes the audit log in folder `own` over into the store; `first` is log 1's."""
        return Journals(self.store, first, own)

    def close(self) -> None:
        """Let go of the store, and of the endpoint."""
        if self.outbox is not None:
            self.outbox.close()
        self.store.close()


def _outbox(store: Store, config: Config) -> Outbox | None:
    if not config.openlineage_url:
        return None
    key = fill_secrets(Binding("openlineage", "", "", {"key": config.openlineage_api_key}))
    endpoint = Endpoint(config.openlineage_url, key.options["key"])
    return Outbox(store, endpoint, metadata.version("meshgate"))
