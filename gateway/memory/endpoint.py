"""An endpoint of OpenLineage, over HTTP: where events are posted."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from urllib.parse import SplitResult, urlsplit

from gateway.errors import CatalogueError

PATH = "/api/v1/lineage"
TIMEOUT_SECONDS = 5.0
"""Stopping a gateway waits for what is on its way."""
MOST_READ = 65_536

ENDPOINT_TROUBLE = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Answers that speak of the endpoint or of us, and not of the event. The other ones from 400 to 499
refuse the event itself, but for 409: it is there already."""


class Verdict(Enum):
    """What an answer means for the event: taken, never to be taken, or to be tried again."""

    TAKEN = "taken"
    REFUSED = "refused"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a post; `status` is 0 where nothing was answered."""

    verdict: Verdict
    status: int
    text: str


class Endpoint:
    """The endpoint at `url`, to which PATH is added unless it is there. For one thread at a time.

    `key` is sent as a bearer token unless it is "". Certificates are verified, and nobody who
    answers with another address is followed. Raises CatalogueError for what is no such address.
    """

    def __init__(self, url: str, key: str = "") -> None:
        parts = _usable(url)
        if parts is None:
            raise CatalogueError(
                "openlineage_url in gateway.toml is no address of an endpoint",
                hint="write http://HOST:PORT or https://HOST; a key goes into openlineage_api_key",
            )
        if not (key.isascii() and key.isprintable()):
            raise CatalogueError("openlineage_api_key holds what no header of HTTP may")
        self.url = url
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/").removesuffix(PATH) + PATH
        self._headers = {"Content-Type": "application/json", "User-Agent": "meshgate"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: str, token: str) -> Answer:
        """Post an event. `token` lets the endpoint tell an event that it was sent before."""
        kept = self._connection is not None
        try:
            return self._post(body, token)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept or isinstance(error, TimeoutError):
                return Answer(Verdict.TROUBLE, 0, _said(error))
        try:  # a connection that was kept open may have been closed at the other end since
            return self._post(body, token)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(Verdict.TROUBLE, 0, _said(error))

    def close(self) -> None:
        """Close the connection; the next post makes another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, body: str, token: str) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        headers = {**self._headers, "Idempotency-Key": token}
        self._connection.request("POST", self._path, body.encode("utf-8", "replace"), headers)
        response = self._connection.getresponse()
        text = response.read(MOST_READ)
        if not response.isclosed():  # more than anybody has to say about an event
            self.close()
        said = f"HTTP {response.status} {text[:200].decode('utf-8', 'replace')}".strip()
        return Answer(_verdict(response.status), response.status, said)

    def _connect(self) -> http.client.HTTPConnection:
        assert self._host is not None
        if self._secure:
            context = ssl.create_default_context()
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _usable(url: str) -> SplitResult | None:
    """The parts of an endpoint's address, if it is one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    said_twice = parts.username or parts.query or parts.fragment
    plain = url.isascii() and url.isprintable() and " " not in url
    return parts if usable and plain and not said_twice else None


def _verdict(status: int) -> Verdict:
    if 200 <= status < 300 or status == 409:
        return Verdict.TAKEN
    if 400 <= status < 500 and status not in ENDPOINT_TROUBLE:
        return Verdict.REFUSED
    return Verdict.TROUBLE


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
