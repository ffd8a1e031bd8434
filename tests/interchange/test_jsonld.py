"""DCAT and DPROD, read back by rdflib: right terms, right shape."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import (
    CSVW,
    DCAT,
    DCTERMS,
    FOAF,
    PROV,
    RDF,
    RDFS,
    SKOS,
    XSD,
    DefinedNamespace,
    Namespace,
)

from gateway.catalogue import Catalogue
from gateway.cli import main
from tests.catalogue.meshes import small_mesh
from tests.interchange.meshes import GLOSSARY, rich_mesh

DPROD = Namespace("https://ekgf.github.io/dprod/")
OTHERS = {
    "http://schema.org/": {"creativeWorkStatus", "expires"},
    "http://www.w3.org/2006/vcard/ns#": {"Organization", "fn", "hasEmail", "hasURL"},
}
"""Terms of vocabularies of which rdflib has no list."""

VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
DPROD_TERMS = frozenset(
    {
        *("DataProduct", "DataProductLifecycleStatus", "InformationSensitivityClassification"),
        *("dataProductOwner", "lifecycleStatus", "informationSensitivityClassification"),
        *("purpose", "domain", "outputPort", "outputDataset", "isDistributionOf"),
        "isAccessServiceOf",
    }
)
"""Those we write, as the ontology of OMG's 1.0 declares them."""

NEW_IN_DCAT_3 = frozenset({"version", "isVersionOf", "previousVersion", "resource"})
"""Those that the vocabulary of rdflib does not have."""
DCAT_3 = Namespace(str(DCAT))

CUSTOMERS = URIRef("mesh://sales/crm/customers@1.0.0")
ORDERS = URIRef("mesh://sales/shop/orders@1.1.0")


def read(mesh: Path, form: str, *options: str) -> Graph:
    out = mesh.parent / f"{form}.jsonld"
    command = ["catalogue", "export", "--mesh", str(mesh), "--format", form, "--out", str(out)]
    assert main([*command, *options]) == 0
    return Graph().parse(out, format="json-ld")


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return rich_mesh(tmp_path / "mesh")


def test_dcat_is_a_catalogue_of_every_dataset(mesh: Path) -> None:
    graph = read(mesh, "dcat", "--endpoint", "grpc+tls://mesh.example:443")
    listed = set(graph.objects(URIRef("mesh:catalogue"), DCAT.dataset))
    datasets = {URIRef(str(d.address)) for d in Catalogue.load(mesh).datasets}
    assert listed == datasets == set(graph.subjects(RDF.type, DCAT.Dataset))
    assert (ORDERS, DCAT_3["previousVersion"], URIRef("mesh://sales/shop/orders@1.0.0")) in graph
    assert (ORDERS, DCAT_3["isVersionOf"], URIRef("mesh://sales/shop/orders")) in graph
    assert graph.value(ORDERS, DCAT_3["version"]) == Literal("1.1.0")
    assert graph.value(CUSTOMERS, DCTERMS.description) == Literal("Who buys")
    assert graph.value(CUSTOMERS, DCAT.keyword) == Literal("core")
    publisher = graph.value(CUSTOMERS, DCTERMS.publisher)
    assert graph.value(publisher, FOAF.name) == Literal("Shop team")
    contact = graph.value(CUSTOMERS, DCAT.contactPoint)
    assert graph.value(contact, VCARD.hasURL) == URIRef("https://chat.example/shop")
    assert (CUSTOMERS, DCAT.theme, URIRef(GLOSSARY + "mail")) in graph
    assert (URIRef(GLOSSARY + "mail"), RDF.type, SKOS.Concept) in graph
    place = graph.value(CUSTOMERS, DCAT.distribution)
    service = graph.value(place, DCAT.accessService)
    assert graph.value(service, DCAT.endpointURL) == URIRef("grpc+tls://mesh.example:443")


def test_columns_are_a_table_schema_in_their_order(mesh: Path) -> None:
    graph = read(mesh, "dcat")
    schema = graph.value(CUSTOMERS, DCTERMS.conformsTo)
    columns = list(Collection(graph, graph.value(schema, CSVW.column)))
    assert columns[-1] == URIRef("mesh://sales/crm/customers@1.0.0#odd%20name")
    assert [str(graph.value(c, CSVW.name)) for c in columns] == ["id", "mail", "salary", "odd name"]
    assert [graph.value(c, CSVW.datatype) for c in columns] == [
        XSD.integer,
        XSD.string,
        XSD.decimal,
        XSD.date,
    ]
    assert graph.value(schema, CSVW.primaryKey) == Literal("id")


def test_artefacts_are_derived_from_what_they_use(mesh: Path) -> None:
    graph = read(mesh, "dcat")
    board = URIRef("mesh://sales/shop/board@2.0.0")
    assert set(graph.objects(board, PROV.wasDerivedFrom)) == {
        URIRef("mesh://sales/shop/revenue@1.0.0"),
        URIRef("mesh://sales/crm/customers@1.0.0#salary"),
    }
    assert graph.value(board, DCAT.landingPage) == URIRef("https://bi.example/d/1")
    assert graph.value(board, DCTERMS.type) == Literal("dashboard")


def test_dprod_leads_from_a_product_to_its_datasets(mesh: Path) -> None:
    graph = read(mesh, "dprod")
    shop = URIRef("mesh://sales/shop")
    assert set(graph.subjects(RDF.type, DPROD.DataProduct)) == {
        shop,
        URIRef("mesh://sales/crm"),
    }
    through = {
        graph.value(graph.value(port, DPROD.isAccessServiceOf), DPROD.isDistributionOf)
        for port in graph.objects(shop, DPROD.outputPort)
    }
    assert through == set(graph.objects(shop, DPROD.outputDataset))
    assert ORDERS in through
    assert len(through) == 5
    owner = graph.value(shop, DPROD.dataProductOwner)
    assert graph.value(owner, FOAF.name) == Literal("Shop team")
    assert (owner, RDF.type, PROV.Agent) in graph
    status = graph.value(shop, DPROD.lifecycleStatus)
    assert graph.value(status, RDFS.label) == Literal("active")
    assert graph.value(shop, DCTERMS.description) == Literal("Sales of the shop")
    sensitive = graph.value(CUSTOMERS, DPROD.informationSensitivityClassification)
    assert graph.value(sensitive, RDFS.label) == Literal("confidential")


@pytest.mark.parametrize("form", ["dcat", "dprod"])
def test_every_term_is_one_of_its_vocabulary(mesh: Path, form: str) -> None:
    graph = read(mesh, form)
    terms = {*graph.predicates(), *graph.objects(None, RDF.type)}
    known: tuple[type[DefinedNamespace], ...] = (
        *(DCAT, DCTERMS, FOAF, PROV, SKOS, CSVW, RDFS, RDF),
    )
    for term in terms:
        name = re.split(r"[/#]", str(term))[-1]
        if str(term).startswith(str(DPROD)):
            assert name in DPROD_TERMS, term
        elif (base := str(term).removesuffix(name)) in OTHERS:
            assert name in OTHERS[base], term
        elif str(term) == str(DCAT) + name and name in NEW_IN_DCAT_3:
            continue
        else:
            (namespace,) = [n for n in known if str(term).startswith(str(n))]
            assert name in namespace, term


def test_a_context_is_brought_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh = small_mesh(tmp_path)
    capsys.readouterr()
    assert main(["catalogue", "export", "--mesh", str(mesh), "--format", "dprod"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["@context"]["dcat"] == str(DCAT)
    assert document["@context"]["dprod"] == str(DPROD)
