"""Row filters over what a source holds in types of its own: they do not fail there either."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
import yaml

from gateway.catalogue.pages import to_yaml
from gateway.cli import main
from gateway.errors import UnknownDataset
from gateway.model import Principal, Request
from gateway.pipeline import Gateway
from tests.catalogue.meshes import custom, write
from tests.services import Postgres

_TABLE = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE odd (id integer, mood mood, key uuid, address inet, fixed char(4), doc jsonb,
  price numeric(38,10), at timestamp, zoned timestamptz, day date, real real);
INSERT INTO odd VALUES
  (1, 'sad', '00000000-0000-0000-0000-000000000001', '10.0.0.1', 'ab', '{"a": 1}',
   9999999999999999999999999999.9999999999, '2024-01-01', '2024-01-01Z', '2024-01-01', 'NaN'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


CASES = [
    ("mood = 'furious'", []),
    ("mood <> 'furious'", [1]),
    ("mood IN ('sad', 'furious')", [1]),
    ("mood LIKE 's%'", [1]),
    ("mood > 'happy'", [1]),
    ("key = 'no uuid'", []),
    ("key <> 'no uuid'", [1]),
    ("key = '00000000-0000-0000-0000-000000000001'", [1]),
    ("address = 'nowhere'", []),
    ("doc = 'no json'", []),
    ("fixed = 'ab'", [1]),
    ("price > 0.0000000001", [1]),
    ("price = 9999999999999999999999999999.9999999999", [1]),
    ("at = TIMESTAMP '2024-01-01 00:00:00'", [1]),
    ("zoned < TIMESTAMPTZ '9999-12-31 00:00:00Z'", [1]),
    ("day < DATE '9999-12-31'", [1]),
    ("real >= 0.5", [1]),
    ("mood = :user", []),
    ("mood IS NULL AND address IS NULL", [2]),
]


@pytest.fixture(scope="module")
def gateway(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """PostgreSQL's own types, and for each case a user who sees them through its filter."""
    mesh = tmp_path_factory.mktemp("mesh")
    with postgres.database() as uri, pytest.MonkeyPatch.context() as patch:
        name = uri.rsplit("/", 1)[-1].partition("?")[0]
        postgres.execute(*_TABLE.split(";"), database=name)
        patch.setenv("ODD_URI", uri)
        names = ["--mesh", str(mesh), "--domain", "d", "--product", "p"]
        assert main(["publish", *names, "--connector", "postgres", "--uri", "${ODD_URI}"]) == 0
        page = mesh / "products/d/p/odd-1.0.0.odcs.yaml"
        contract = yaml.safe_load(page.read_text())
        filters = [{"id": f"f{n}", "expr": text} for n, (text, _) in enumerate(CASES)]
        contract["customProperties"] += custom(rowFilters=filters, rowPolicy="required")
        page.write_text(to_yaml(contract))
        rows = [f"p2,user:u{n},*,*,*,permissive,f{n},allow" for n in range(len(CASES))]
        write(mesh, "policies/p.csv", "\n".join(["p,*,*,*,read,*,*,*,allow", *rows]))
        opened = Gateway.open(mesh)
        try:
            yield opened
        finally:
            opened.close()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[text for text, _ in CASES])
def test_types_of_postgres_do_not_fail(gateway: Gateway, number: int) -> None:
    request = Request(Principal(f"user:u{number}"), "SELECT id FROM d.p.odd ORDER BY id")
    result = gateway.execute(gateway.prepare(request))
    table = pa.Table.from_batches(list(result.batches), result.schema)
    assert table["id"].to_pylist() == CASES[number][1]


def test_without_a_row_filter_there_is_no_dataset(gateway: Gateway) -> None:
    with pytest.raises(UnknownDataset):
        gateway.prepare(Request(Principal("user:nobody"), "SELECT id FROM d.p.odd"))
