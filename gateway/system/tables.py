"""The system tables: the one list of them all."""

from __future__ import annotations

from gateway.system.catalogue_tables import CATALOGUE
from gateway.system.search_table import SEARCH
from gateway.system.table import SystemTable

TABLES: tuple[SystemTable, ...] = (*CATALOGUE, SEARCH)
