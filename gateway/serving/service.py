"""One gateway as its fronts serve it together: what they run, and count, and stop, is one thing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gateway.serving.admission import Admission
from gateway.serving.executions import Executions
from gateway.serving.reports import Reports

if TYPE_CHECKING:
    from gateway.pipeline import Gateway

STREAMS = 256
STREAMS_PER_PRINCIPAL = 64
STOP_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Service:
    """What every front is given. Safe from any thread."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        streams: int = STREAMS,
        streams_per_principal: int = STREAMS_PER_PRINCIPAL,
    ) -> None:
        self.gateway = gateway
        self.admission = Admission(total=streams, per_principal=streams_per_principal)
        self.reports = Reports()
        self.executions = Executions(gateway, self.admission, self.reports)

    def drain(self, seconds: float) -> None:
        """Refuse new work, let running queries end for so long, and stop the rest.

        `admission.hurry` cuts the waiting short.
        """
        self.admission.drain()
        if not self.admission.wait_drained(seconds):
            logger.warning("stopping %d running queries", self.admission.running)
            self.executions.cancel_all()
            self.admission.wait_idle(STOP_SECONDS)
