"""One JSON document over HTTPS: bounded in time and size, never redirected."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import urlsplit

FETCH_SECONDS = 5.0
MAX_DOCUMENT_BYTES = 1 << 18


class FetchError(Exception):
    """The document did not come, or is none."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None  # it could lead away from https, and from who was trusted


def fetch_json(uri: str) -> dict[str, Any]:
    """The JSON object at `uri`. Raises FetchError, after FETCH_SECONDS or little more."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if urlsplit(uri).scheme == "http":  # within this machine: no proxy is on the way
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    deadline = time.monotonic() + FETCH_SECONDS
    data = b""
    try:
        request = urllib.request.Request(uri, headers={"Accept": "application/json"})
        with opener.open(request, timeout=FETCH_SECONDS) as response:
            while piece := response.read1(1 << 16):
                data += piece
                if len(data) > MAX_DOCUMENT_BYTES or time.monotonic() > deadline:
                    raise FetchError(f"{uri} is too long or too slow")
        document = json.loads(data)
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise FetchError(f"{uri}: {error}") from error
    if not isinstance(document, dict):
        raise FetchError(f"{uri} is not a JSON object")
    return document
