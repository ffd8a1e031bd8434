"""One file over HTTP, for publication: bounded in size, time and redirects."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urljoin, urlsplit

from gateway.catalogue.document import MAX_BYTES
from gateway.errors import SourceFailure, UserError

SCHEMES = ("http", "https")
SECONDS = 20.0
MAX_REDIRECTS = 3

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_url(source: str) -> bool:
    """Whether a source is to be fetched, rather than found on disk."""
    try:
        return urlsplit(source).scheme.lower() in SCHEMES and "://" in source
    except ValueError:  # brackets that hold no address
        return False


def download(url: str, seconds: float = SECONDS) -> bytes:
    """What is at a URL, at most as much as a file of the mesh may hold.

    Raises UserError for a URL that will not be fetched, SourceFailure for what did not come within
    `seconds` or is too large. A redirect may lead from http to https, never back, and to no other
    scheme.
    """
    if not is_url(url) or not (parts := urlsplit(url)).hostname:
        raise UserError("only http and https URLs are fetched")
    if parts.username or parts.password:
        raise UserError(
            "a URL with a user or password in it is not fetched",
            hint="fetch the file yourself, and publish it from disk",
        )
    handlers: list[urllib.request.BaseHandler] = [_Redirects()]
    if parts.hostname in _LOOPBACK:  # no proxy is on the way
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    deadline = time.monotonic() + seconds
    data = b""
    try:
        with opener.open(url, timeout=seconds) as response:
            while piece := response.read1(1 << 16):
                data += piece
                if len(data) > MAX_BYTES:
                    raise SourceFailure(f"{_shown(url)} is larger than {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise SourceFailure(f"{_shown(url)} did not come within {seconds:g} seconds")
    except urllib.error.HTTPError as error:
        said = f"answered {error.code} {error.reason}"
        if 300 <= error.code < 400:
            said = "leads on too often, or away from http"
        raise SourceFailure(f"{_shown(url)} {said}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SourceFailure(f"{_shown(url)} can not be fetched: {reason}") from error
    return data


def _shown(url: str) -> str:
    """The URL without its query, which may hold a token."""
    return url.partition("?")[0]


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl))
        if after.scheme not in SCHEMES or (before.scheme, after.scheme) == ("https", "http"):
            raise SourceFailure(f"{_shown(req.full_url)} leads on, away from {before.scheme}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
