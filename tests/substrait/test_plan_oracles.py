"""Plans that try to find out about hidden rows and columns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from substrait.proto import Plan

from tests.attacks.small_twins import SCHEMA, SOURCES, Twins, name
from tests.substrait.plans import plan_of, produced, read_of

pytestmark = pytest.mark.timeout(300)

CONDITIONS = (
    "1 / (pay - 777) = 5",
    "1000 / pay > 3",
    "pay + 1 > 0",
    "pay * 1000 > 0",
    "CAST(code AS BIGINT) > 3",
    "CAST(code AS DATE) IS NULL",
    "CAST(pay AS SMALLINT) > 0",
    "CASE WHEN pay = 777 THEN 1 / 0 ELSE 1 END = 1",
    "pay = 777 AND 1 / 0 = 1",
    "coalesce(code, CAST(1 / (pay - 777) AS VARCHAR)) <> 'x'",
    "pay IN (1, 1 / (id - 20))",
    "regexp_like('x', code)",
    "code LIKE code || '%'",
    "CAST(mail AS BIGINT) = 3",
    "sqrt(pay - 100) > 1",
    "substr(code, pay) = 'x'",
    "repeat(code, pay) IS NOT NULL",
    "chr(pay) = 'x'",
    "make_date(2000, pay, 1) IS NULL",
    "region IS NULL",
    "region = 'US'",
    "arrow_cast(pay, 'Int8') > 0",
    "pay > 500 AND CAST(code || 'x' AS DATE) IS NULL",
)
PLACES = (
    "SELECT id FROM {t} WHERE CONDITION ORDER BY id",
    "SELECT count(*) AS n FROM {t} WHERE CONDITION",
    "SELECT max(CASE WHEN CONDITION THEN 1 ELSE 0 END) AS n FROM {t}",
    "SELECT id, CONDITION AS c FROM {t} ORDER BY id LIMIT 100",
    "SELECT a.id FROM {t} a JOIN (SELECT id AS i, CONDITION AS c FROM {t}) b ON a.id = b.i AND b.c"
    " ORDER BY a.id",
    "SELECT id, row_number() OVER (ORDER BY CONDITION, id) AS n FROM {t} ORDER BY id",
)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    made = Twins(tmp_path_factory.mktemp("oracles"))
    yield made
    made.close()


@pytest.mark.parametrize("source", SOURCES)
def test_no_condition_of_a_plan_tells_of_a_hidden_row(twins: Twins, source: str) -> None:
    table = ".".join(name(source))
    answered = 0
    for condition in CONDITIONS:
        for place in PLACES:
            text = place.replace("CONDITION", f"({condition})").replace("{t}", table)
            for optimised in (False, True):
                try:
                    plan = produced(text, {name(source): SCHEMA}, optimised=optimised)
                except Exception:
                    continue
                wild, calm = twins.answers(plan)
                assert wild == calm, text
                assert "CANARY" not in str(wild), text
                answered += isinstance(wild[1], list)
    assert answered > 60


def columns(**kinds: str) -> dict[str, str]:
    return {"id": "i64", **kinds}


DECLARED = {
    "a denied column": columns(hush="string"),
    "a column that is not there": columns(hash="string"),
    "a masked column as a number": columns(mail="i64"),
    "a denied column as a number": columns(hush="i64"),
    "a column of the engine's": columns(__row="i64"),
    "in other letters": {"ID": "i64"},
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", DECLARED)
def test_what_a_plan_says_its_table_has_opens_nothing(twins: Twins, source: str, case: str) -> None:
    declared = DECLARED[case]
    wild, calm = twins.answers(
        plan_of(read_of(name(source), declared), list(declared)).SerializeToString()
    )
    assert wild == calm
    assert "CANARY" not in str(wild)
    assert isinstance(wild, tuple)
    assert wild[0] in ("UNKNOWN_COLUMN", "INVALID_QUERY"), wild


@pytest.mark.parametrize("source", SOURCES)
def test_a_denied_column_is_as_unknown_as_one_that_is_not_there(twins: Twins, source: str) -> None:
    def said(column: str, kind: str) -> list[str]:
        declared = columns(**{column: kind})
        plan = plan_of(read_of(name(source), declared), list(declared))
        return [str(a).replace(column, "COLUMN") for a in twins.answers(plan.SerializeToString())]

    for kind in ("string", "i64"):
        assert said("hush", kind) == said("husk", kind)


def test_hidden_and_unknown_tables_are_alike_in_a_plan(twins: Twins) -> None:
    plans = [
        plan_of(read_of(names, {"id": "i64"}), ["id"]).SerializeToString()
        for names in (("shop", "memory", "nothing"), ("datafusion", "public", "staff"),
                      ("information_schema", "tables"), ("/etc/passwd",), ("staff.parquet",),
                      ("__below_0",))
    ]  # fmt: skip
    for plan in plans:
        wild, calm = twins.answers(plan)
        assert wild == calm
        assert wild[0] == "UNKNOWN_DATASET"


def test_a_plan_may_name_its_functions_as_it_likes_and_gets_no_other(twins: Twins) -> None:
    text = "SELECT upper(code) AS c FROM shop.memory.staff"
    data = produced(text, {name("memory"): SCHEMA})
    for called in ("meshgate_hash", "mesh_unfit_value", "pg_read_file", "read_text", "getenv"):
        plan = Plan.FromString(data)
        for declared in plan.extensions:
            declared.extension_function.name = called
        wild, calm = twins.answers(plan.SerializeToString())
        assert wild == calm
        assert wild[0] in ("INVALID_QUERY", "UNSUPPORTED"), wild
