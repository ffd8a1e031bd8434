"""What a principal may look around in: the part of a mesh that it may know of."""

from __future__ import annotations

from gateway.authorisation import Access
from gateway.errors import PurposeNotGranted
from gateway.mesh import Mesh
from gateway.model import Address, Dataset, Principal
from gateway.system.viewpoint import Viewpoint
from gateway.views.rows import ViewRow


def check_purpose(access: Access, principal: Principal, purpose: str) -> None:
    """Raise PurposeNotGranted for a purpose that the principal may not declare."""
    if purpose and purpose not in access.purposes(principal):
        raise PurposeNotGranted(
            f"the purpose {purpose} is not granted to you",
            hint="declare another, or none",
        )


class Browsing:
    """Answers of a mesh to whoever looks around. Safe to use from many threads.

    Each is of one instant of the policies. Raises PurposeNotGranted.
    """

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def purposes(self, principal: Principal) -> frozenset[str]:
        """The purposes the principal may declare."""
        return self._mesh.access.purposes(principal)

    def visible(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """The datasets the principal may know of, with the columns it may, by address."""
        access = self._access(principal, purpose)
        return access.visible(principal, purpose, self._mesh.catalogue)

    def browsable(self, principal: Principal, purpose: str = "") -> list[Dataset]:
        """What is `visible`, and the system tables, by address: all that a client may look at.

        Who may know of nothing is shown no system tables: there is nothing in them to look at.
        """
        access = self._access(principal, purpose)
        found = access.visible(principal, purpose, self._mesh.catalogue)
        if found:
            found += self._mesh.system.visible(principal, access, purpose)
        return sorted(found, key=lambda dataset: dataset.address)

    def products(self, principal: Principal, purpose: str = "") -> tuple[tuple[str, str], ...]:
        """The domain and product of all that is `browsable`, each pair once, in order."""
        access = self._access(principal, purpose)
        found = access.outlook(principal, purpose, self._mesh.catalogue).products
        own = self._mesh.system.products(principal, access, purpose) if found else ()
        return tuple(sorted((*found, *own)))

    def check_namespace(
        self, principal: Principal, purpose: str, namespace: tuple[str, ...]
    ) -> None:
        """Raise UserError for a catalog, or a schema, with nothing the principal may know of."""
        access = self._access(principal, purpose)
        if self._mesh.system.holds(namespace):
            return
        catalogue = self._mesh.catalogue
        known = access.outlook(principal, purpose, catalogue).known_products
        catalogue.namespaces.check(namespace, known)

    def refresh(self, principal: Principal, address: Address, purpose: str = "") -> list[ViewRow]:
        """Look at the sources at the bottom of a dataset now: the views that stand on them.

        It takes `admin` on the dataset: for anybody else there is none. Raises GatewayError.
        """
        access = self._access(principal, purpose)
        return self._mesh.views.refresh(address, access, principal, purpose)

    def viewpoint(self, principal: Principal, purpose: str = "") -> Viewpoint:
        """What the principal may know of the mesh as it is now."""
        return self._mesh.viewpoint(principal, purpose, self._access(principal, purpose))

    def _access(self, principal: Principal, purpose: str) -> Access:
        access = self._mesh.access.pinned()
        check_purpose(access, principal, purpose)
        return access
