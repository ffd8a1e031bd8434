"""The files of the log: who may read them, who writes them, the key, and the head.

    state/audit.key            the key: 32 bytes in hexadecimal
    state/audit/audit.sqlite   the records (and -wal, -shm beside it)
    state/audit/audit.head     number and hash of the last record, in two places by turns
    state/audit/audit.lock     held by the gateway that writes
    state/audit-2/...          the log of a second gateway on the same mesh, and so on

Files have mode 0600, folders 0700.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.chain import BEFORE_ALL, Seals
from gateway.errors import AuditBroken, AuditUnavailable

DATABASE, HEAD, LOCK, KEY = "audit.sqlite", "audit.head", "audit.lock", "audit.key"

LOGS = range(1, 17)
"""The logs of a mesh: each gateway that runs on it writes one of its own."""

PLACE = 256
"""Bytes of one of the two places in the head file: a torn write spoils one, never both."""


def private_folder(folder: Path) -> None:
    """Make the folder and those above it that are missing. AuditUnavailable if it can not be."""
    try:
        for one in reversed([folder, *folder.parents]):
            if not one.is_dir():
                one.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise AuditUnavailable(f"can not make the folder {folder}: {error.strerror}") from error


def private_file(path: Path) -> None:
    """Make the file unless it is there; nobody but its owner reads it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        path.chmod(0o600)  # not opened: closing it would let go of SQLite's locks on it


class LogTaken(AuditUnavailable):
    """Another gateway writes the log in this folder."""


def log_folder(folder: Path, number: int) -> Path:
    """Where log `number` of those that begin with `folder` is."""
    return folder if number == 1 else folder.with_name(f"{folder.name}-{number}")


def first_folder(folder: Path, number: int) -> Path:
    """Where log 1 is of those of which `folder` holds log `number`."""
    return folder if number == 1 else folder.with_name(folder.name.removesuffix(f"-{number}"))


def log_numbers(folder: Path) -> tuple[int, ...]:
    """The logs there are beside the one in `folder`, and itself."""
    return tuple(n for n in LOGS if (log_folder(folder, n) / DATABASE).is_file())


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def key_file(folder: Path) -> Path:
    """Where the key for the log in `folder` is: beside it, so that a copy of it lacks the key."""
    return folder.parent / KEY


def read_key(path: Path) -> bytes | None:
    """The key in the file, or None if there is no such file. AuditBroken if it holds no key."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuditUnavailable(f"can not read {path}: {error.strerror}") from error
    except ValueError:
        key = b""
    if len(key) != 32:
        raise AuditBroken(f"{path} does not hold a key: 64 hexadecimal digits")
    return key


def make_key(path: Path) -> bytes:
    """The key in the file; a new one on first use."""
    private_folder(path.parent)
    key = os.urandom(32)
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{key[:4].hex()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # whole or not at all, and never over another one
        except FileExistsError:
            return read_key(path) or key
        finally:
            temporary.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise AuditUnavailable(f"can not write {path}: {error.strerror}") from error
    return key


class Lock:
    """Held by the one gateway that writes into the folder, until it is closed or dies."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 20).decode("ascii", "replace").strip()
            os.close(self._file)
            raise LogTaken(
                f"another gateway (process {holder or 'unknown'}) writes the audit log in {folder}",
                hint="one gateway a folder: stop it, or give this one another audit folder",
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Head:
    """The last record there is: its number and its hash."""

    seq: int = 0
    hash: str = BEFORE_ALL.hex()


class HeadFile:
    """Written after each commit, so it never knows of a record the database does not have.

    The file is mapped: writing is copying 256 bytes, and what was copied outlives the process.
    """

    def __init__(self, folder: Path, seals: Seals) -> None:
        self._seals = seals
        file = os.open(folder / HEAD, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, 2 * PLACE)  # a full disk is noticed now, not by a signal
            self._map = mmap.mmap(file, 2 * PLACE)
        finally:
            os.close(file)
        self._turn = 0

    def write(self, head: Head) -> None:
        """Safe from a killed process at once, from a power failure after `sync`."""
        seal = self._seals.head(head.seq, head.hash)
        text = f'{{"seq":{head.seq},"hash":"{head.hash}","seal":"{seal}"}}'.ljust(PLACE - 1) + "\n"
        start = self._turn * PLACE
        self._map[start : start + PLACE] = text.encode()
        self._turn = 1 - self._turn

    def sync(self) -> None:
        self._map.flush()

    def close(self) -> None:
        self._map.close()


def read_head(folder: Path, seals: Seals) -> Head | None:
    """The newer of the two heads in the file, or None if there is no such file.

    AuditBroken if neither bears this key's seal. Without a key seals of any key pass: they can not
    be checked.
    """
    try:
        content = (folder / HEAD).read_bytes()
    except FileNotFoundError:
        return None
    places = [content[start : start + PLACE] for start in range(0, len(content), PLACE)]
    heads = [head for place in places if (head := _head(place, seals))]
    if not heads:
        if not content:
            return None
        raise AuditBroken(f"{folder / HEAD} was changed, or the key is another one")
    return max(heads, key=lambda head: head.seq)


def _head(place: bytes, seals: Seals) -> Head | None:
    try:
        content = json.loads(place)
        head, seal = Head(int(content["seq"]), str(content["hash"])), str(content["seal"])
    except (ValueError, KeyError, TypeError):
        return None
    if seals.sealing and not hmac.compare_digest(
        seals.head(head.seq, head.hash).encode(), seal.encode()
    ):
        return None
    return head
