"""The system tables: the one list of them all."""

from __future__ import annotations

from gateway.system.artefact_table import ARTEFACTS
from gateway.system.catalogue_tables import CATALOGUE
from gateway.system.history_tables import HISTORY
from gateway.system.search_table import SEARCH
from gateway.system.table import SystemTable
from gateway.system.usage_tables import USAGE
from gateway.system.view_tables import VIEW_HEALTH

TABLES: tuple[SystemTable, ...] = (*CATALOGUE, ARTEFACTS, VIEW_HEALTH, SEARCH, *HISTORY, *USAGE)
