"""The record of decisions: durable before an answer leaves, and telling when it was changed."""

from gateway.audit.log import AuditLog
from gateway.audit.logs import AuditLogs
from gateway.audit.reader import AuditReader, Entry, Filter
from gateway.audit.record import DatasetUse, Outcome, Record
from gateway.audit.writer import Receipt

__all__ = [
    "AuditLog",
    "AuditLogs",
    "AuditReader",
    "DatasetUse",
    "Entry",
    "Filter",
    "Outcome",
    "Receipt",
    "Record",
]
