"""A mesh of very many datasets: products of twenty, contracts of a dozen columns, as YAML files."""

from __future__ import annotations

from pathlib import Path

DATASETS_A_PRODUCT = 20
PRODUCTS_A_DOMAIN = 50
WORDS = (
    *("order", "line", "customer", "invoice", "payment", "parcel"),
    *("return", "item", "price", "stock", "shop", "visit"),
)
_TYPES = (("integer", "bigint"), ("string", "text"), ("number", "decimal(12,2)"), ("date", "date"))


def write_mesh(
    mesh: Path, datasets: int, *, hidden: str = "vault", hidden_share: float = 0.2
) -> None:
    """Write so many datasets. A fifth of them is in the domain `hidden`, that no policy names."""
    policies = mesh / "policies"
    policies.mkdir(parents=True)
    domains: set[str] = set()
    for number in range(0, datasets, DATASETS_A_PRODUCT):
        product = number // DATASETS_A_PRODUCT
        behind = number < datasets * hidden_share
        domain = hidden if behind else f"d{product // PRODUCTS_A_DOMAIN:03}"
        folder = mesh / "products" / domain / f"p{product}"
        folder.mkdir(parents=True)
        names = [f"{WORDS[n % len(WORDS)]}_{n}" for n in range(number, number + DATASETS_A_PRODUCT)]
        names = names[: datasets - number]
        (folder / "product.odps.yaml").write_text(_product(domain, f"p{product}", names))
        for name in names:
            (folder / f"{name}.odcs.yaml").write_text(_contract(domain, f"p{product}", name))
        domains |= set() if behind else {domain}
    rows = [f"p,sales/analyst,{d},mesh://{d}/*/*,read,*,*,*,allow\n" for d in sorted(domains)]
    (policies / "mesh.csv").write_text("".join(rows))


def _product(domain: str, product: str, names: list[str]) -> str:
    ports = "".join(
        f"  - name: {name}\n    version: 1.0.0\n    contractId: {domain}.{product}.{name}\n"
        for name in names
    )
    return (
        f"apiVersion: v1.0.0\nkind: DataProduct\nid: {domain}.{product}\nname: {product}\n"
        f"domain: {domain}\nstatus: active\nteam:\n  name: {domain} team\noutputPorts:\n{ports}"
    )


def _contract(domain: str, product: str, name: str) -> str:
    columns = "".join(
        f"      - name: {WORDS[n]}_{n}\n        logicalType: {_TYPES[n % 4][0]}\n"
        f"        physicalType: {_TYPES[n % 4][1]}\n"
        + (f"        description: The {WORDS[n]} of {name}\n" if n % 3 == 0 else "")
        + ("        tags: [pii]\n" if n == 5 else "")
        for n in range(12)
    )
    return (
        f"apiVersion: v3.1.0\nkind: DataContract\nid: {domain}.{product}.{name}\n"
        f"name: {name}\nversion: 1.0.0\nstatus: active\ntags: [{WORDS[len(name) % 12]}]\n"
        f"description:\n  purpose: All that is known of {name} in {product}\n"
        f"schema:\n  - name: {name}\n    properties:\n{columns}"
        f"customProperties:\n  - property: mesh.binding\n    value:\n      connector: files\n"
        f"      uri: data/{product}\n      object: {name}.parquet\n"
    )
