"""What checks of quality may read: a domain's own datasets whole, all else as the policies say.

Nobody can come in as this principal: the gateway refuses requests by it from outside, and the
rights are those of this Access, which no request of a client's is ever given. A domain's rules are
written by its owners, who have the rows anyhow. What belongs to other domains (below a view, or in
an sql rule) is read only where policies grant it to `NAME`, with the filters and masks they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gateway.authorisation import READ, Access, Mesh
from gateway.model import QUALITY_PRINCIPAL, Artefact, Dataset, Principal
from policies.decide import Decision
from policies.estate import Bools
from policies.outlook import Outlook


@dataclass(slots=True)
class QualityAccess(Access):
    """Reads every dataset of `domain`, in every version and life-cycle state, without obligations.

    Where rows may be counts for checks as for anybody: their principal is where the gateway is.
    """

    domain: str = ""

    def decide(
        self, principal: Principal, what: Dataset | Artefact, action: str, purpose: str = ""
    ) -> Decision:
        """Yes to reading the domain's own; else as the policies say of whoever asks."""
        own = principal.name == QUALITY_PRINCIPAL and what.address.domain == self.domain
        if own and action == READ:
            reason = "a check of the domain's own quality rules"
            return Decision(True, reason, policy_version=self.version)
        return Access.decide(self, principal, what, action, purpose)

    def outlook(self, principal: Principal, purpose: str, mesh: Mesh) -> Outlook:
        """What `decide` says of every dataset."""
        found = Access.outlook(self, principal, purpose, mesh)
        return _WithOwn(found, self.domain) if principal.name == QUALITY_PRINCIPAL else found


_WIDER = frozenset({"readable", "known", "known_products"})
"""What there is more of with a domain's own datasets."""


class _WithOwn(Outlook):
    """What the policies let be seen, and the datasets of a domain besides, which may be read."""

    def __init__(self, granted: Outlook, domain: str) -> None:
        kept = granted.__dict__.items()
        self.__dict__.update({name: value for name, value in kept if name not in _WIDER})
        self._granted = granted
        own = np.array([found == domain for found, _ in self.estate.products], np.bool_)
        self._own: Bools = own[self.estate.product]

    @cached_property
    def readable(self) -> Bools:
        """Whether ``read`` is allowed."""
        return self._granted.readable | self._own

    @cached_property
    def known(self) -> Bools:
        """Whether it is for some purpose, or ``discover``."""
        return self._granted.known | self._own


def quality_access(access: Access, domain: str) -> QualityAccess:
    """The access of checks of one domain's rules, under the policies of this moment."""
    return QualityAccess(access.authoriser, access.product_key, access.region, domain=domain)
