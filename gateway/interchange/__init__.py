"""Interchange: a mesh's catalogue in the forms of other catalogues.

A writer makes files, by their name, of an `Extract`: what its reader may know, and nothing else.
What is written holds no secret and, but for ODCS, no address of a source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.interchange import datahub, dbt, dcat, dprod, odcs, openmetadata
from gateway.interchange.extract import Extract

__all__ = ["FORMATS", "Extract"]

Files = Mapping[str, str]
"""Texts by the name of their file; a single one has the name ""."""

FORMATS: Mapping[str, Callable[[Extract], Files]] = {
    "dcat": dcat.write,
    "dprod": dprod.write,
    "odcs": odcs.write,
    "dbt": dbt.write,
    "openmetadata": openmetadata.write,
    "datahub": datahub.write,
}
