"""What checks of quality may read: a domain's own datasets whole, all else as the policies say.

Nobody can come in as this principal: the gateway refuses requests by it from outside, and the
rights are those of this Access, which no request of a client's is ever given. A domain's rules are
written by its owners, who have the rows anyhow. What belongs to other domains (below a view, or in
an sql rule) is read only where policies grant it to `NAME`, with the filters and masks they say.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.authorisation import READ, Access
from gateway.model import Dataset, Principal
from policies.decide import Decision

NAME = "svc:quality"
"""The principal of checks, as it is recorded."""


@dataclass(slots=True)
class QualityAccess(Access):
    """Reads every dataset of `domain`, in every version and life-cycle state, without obligations.

    Where rows may be counts for checks as for anybody: their principal is where the gateway is.
    """

    domain: str = ""

    def decide(
        self, principal: Principal, dataset: Dataset, action: str, purpose: str = ""
    ) -> Decision:
        """Yes to reading the domain's own; else as the policies say of whoever asks."""
        own = principal.name == NAME and dataset.address.domain == self.domain
        if own and action == READ:
            reason = "a check of the domain's own quality rules"
            return Decision(True, reason, policy_version=self.version)
        return Access.decide(self, principal, dataset, action, purpose)


def quality_access(access: Access, domain: str) -> QualityAccess:
    """The access of checks of one domain's rules, under the policies of this moment."""
    return QualityAccess(access.authoriser, access.product_key, access.region, domain=domain)
