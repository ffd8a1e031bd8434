"""The key of hashed columns: one secret of the mesh, and one derived from it for each product.

Equal values of one product have equal hashes; without the key nobody can list the hashes of all
postal codes. Whoever loses the key can not join old hashes with new ones; nothing else is lost.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import stat
from pathlib import Path
from threading import Lock

from gateway.errors import CatalogueError

VARIABLE = "MESHGATE_MASK_KEY"
FILE = Path("state") / "mask.key"
BYTES = 32
"""The least length of the key."""


def product_key(master: bytes, domain: str, product: str) -> bytes:
    """The key of one data product: 32 bytes that say nothing of the master key."""
    if "/" in domain or "/" in product:
        raise ValueError("a domain or product has no slash in its name")
    return hmac.digest(master, f"{domain}/{product}".encode(), "sha256")


def load_master_key(mesh: Path) -> bytes:
    """The key of a mesh folder, from MESHGATE_MASK_KEY or its own file, which is made if missing.

    The variable holds at least 32 bytes in hex or base64; the file the same in hex, for its owner
    only. Several processes that start at once get one key. A key that can not be read, is too
    short, or may be read by everybody is a CatalogueError; its text is in no message.
    """
    if text := os.environ.get(VARIABLE, ""):
        return _decode(text, f"the environment variable {VARIABLE}")
    path = mesh / FILE
    try:
        if not path.exists():
            _create(path)
        if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
            raise CatalogueError(
                f"{path}: everybody on this machine has rights to it", hint=f"chmod 600 {path}"
            )
        return _decode(path.read_text("ascii"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CatalogueError(
            f"{path}: the key of masked columns can not be read or written: {reason}",
            hint=f"make the folder writable, or set {VARIABLE}",
        ) from None


def _create(path: Path) -> None:
    """Write a new key under another name and link it: whoever comes second finds a whole file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _decode(text: str, place: str) -> bytes:
    text = text.strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise CatalogueError(f"{place}: the key is neither hex nor base64") from None
    if len(key) < BYTES:
        raise CatalogueError(f"{place}: the key has {len(key)} bytes; it needs {BYTES} or more")
    return key


class ProductKeys:
    """The keys of a mesh's products. The master key is read, or made, when one is first asked."""

    def __init__(self, mesh: Path) -> None:
        self._mesh = mesh
        self._lock = Lock()
        self._master = b""
        self._keys: dict[tuple[str, str], bytes] = {}

    def __call__(self, domain: str, product: str) -> bytes:
        """The key of one product. Raises GatewayError when there is no usable master key."""
        with self._lock:
            self._master = self._master or load_master_key(self._mesh)
            known = self._keys.get((domain, product))
            if known is None:
                known = self._keys[domain, product] = product_key(self._master, domain, product)
            return known
