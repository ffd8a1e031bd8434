"""S3-compatible stores as every connector of files is told of them: the options of a binding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from connectors.sql import credential

S3_OPTIONS = frozenset(
    {"endpoint", "region", "access_key", "secret_key", "session_token", "anonymous"}
)
"""What a binding may say of an S3-compatible store."""


def s3_location(path: str, options: Mapping[str, str]) -> str:
    """A bucket and prefix with the host that holds them, as a source key's location."""
    endpoint = options.get("endpoint", "")
    host = f"{urlsplit(endpoint).netloc or endpoint}/" if endpoint else ""
    return f"s3://{host}{path}"


def s3_credential(options: Mapping[str, str]) -> str:
    """Who asks the store."""
    return credential(options.get("access_key", ""), options.get("secret_key", ""))


def s3_filesystem(options: Mapping[str, str]) -> pafs.FileSystem:
    """The store as pyarrow reads it."""
    endpoint = options.get("endpoint", "")
    settings: dict[str, Any] = {
        "access_key": options.get("access_key") or None,
        "secret_key": options.get("secret_key") or None,
        "session_token": options.get("session_token") or None,
        "region": options.get("region") or None,
        "anonymous": options.get("anonymous", "").lower() == "true",
        "connect_timeout": 5,
        "request_timeout": 30,
        "retry_strategy": pafs.AwsStandardS3RetryStrategy(max_attempts=2),
    }
    if endpoint:
        parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        settings |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    return pafs.S3FileSystem(**{k: v for k, v in settings.items() if v is not None})
