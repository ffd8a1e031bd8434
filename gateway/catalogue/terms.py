"""What a dataset means and who answers for it: business terms, descriptions, teams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.model import BusinessTerm, Contact, Dataset, Member, Team

BUSINESS_DEFINITION = "businessDefinition"

Element = Mapping[str, Any]


def described(dataset: Dataset, product: Element, contract: Element, element: Element) -> Dataset:
    """The dataset with all that its product, its contract and its schema object say of it."""
    team = read_team(product, contract)
    return replace(
        dataset,
        terms=_terms(element),
        classifications=_classifications(element),
        usage=_part("usage", element, contract, product),
        limitations=_part("limitations", element, contract, product),
        team=team,
        owner=dataset.owner or owner_of(team),
    )


def owner_of(team: Team | None) -> str:
    """Who owns what the team answers for: the team, or else the member whose role says so."""
    if team is None:
        return ""
    owners = [m.username for m in team.members if "owner" in m.role.casefold() and not m.left]
    return team.name or next(iter(owners), "")


def read_team(*elements: Element) -> Team | None:
    """The first element's team that there is; with every element's channels for support."""
    teams = [_team(element["team"]) for element in elements if element.get("team")]
    contacts = tuple(dict.fromkeys(c for element in elements for c in _contacts(element)))
    if not teams and not contacts:
        return None
    return replace(teams[0] if teams else Team(), contacts=contacts)


def _team(declared: Any) -> Team:
    """Of a team as a mapping, or as the list of members it was before ODCS 3.1."""
    if isinstance(declared, list):
        declared = {"members": declared}
    members = tuple(
        Member(m["username"], m.get("name") or "", m.get("role") or "", m.get("dateOut") or "")
        for m in declared.get("members") or ()
    )
    return Team(declared.get("name") or "", declared.get("description") or "", members)


def _contacts(element: Element) -> Iterator[Contact]:
    for channel in element.get("support") or ():
        yield Contact(channel["channel"], channel.get("url") or "", channel.get("tool") or "")


def _part(name: str, *elements: Element) -> str:
    """A part of a description beside its purpose, of the first element that has it."""
    for element in elements:
        description = element.get("description")
        if isinstance(description, dict) and description.get(name):
            return str(description[name]).strip()
    return ""


def _terms(element: Element) -> dict[str, BusinessTerm]:
    named = [("", element), *((c["name"], c) for c in element.get("properties") or ())]
    terms = {name: _term(declared) for name, declared in named}
    return {name: term for name, term in terms.items() if term is not None}


def _term(element: Element) -> BusinessTerm | None:
    """Its name in the business; a definition without one is known by the element's own name."""
    definitions = element.get("authoritativeDefinitions") or ()
    of_business = [d["url"] for d in definitions if d["type"] == BUSINESS_DEFINITION]
    definition = next(iter([*of_business, *(d["url"] for d in definitions)]), "")
    name = element.get("businessName") or (element["name"] if definition else "")
    return BusinessTerm(name, definition) if name else None


def _classifications(element: Element) -> dict[str, str]:
    columns = element.get("properties") or ()
    return {c["name"]: c["classification"] for c in columns if c.get("classification")}
