"""Policy files: every row is right or the whole set is refused, with file, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.model import NAME
from policies import PolicyError, load_folder
from policies.matching import _PATTERN, _SEGMENT

GOOD = "p,sales/analyst,sales,mesh://sales/*/*,read,*,*,*,allow"


def write(folder: Path, text: str, name: str = "rows.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_rows_are_read_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    write(tmp_path, f"# comment\n\n{GOOD}\r\ng,user:alice,sales/analyst\n", "b.csv")
    write(tmp_path, "p,*,*,*,admin,*,*,secret,deny\n", "a.csv")
    rows = load_folder(tmp_path).rows
    assert [(row.ptype, row.file, row.line) for row in rows] == [
        ("p", "a.csv", 1),
        ("p", "b.csv", 3),
        ("g", "b.csv", 4),
    ]


def test_quotes_are_those_of_csv(tmp_path: Path) -> None:
    row = 'p,sales/analyst,sales,"mesh://sales/*/*",read,"EU, West",*,"say ""hi""",allow'
    (found,) = load_folder(write(tmp_path, row)).rows
    assert found.columns[4] == "EU, West"
    assert found.columns[6] == 'say "hi"'


def test_a_missing_folder_has_no_rows(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "none").rows == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("q,user:a,*,*,read,*,*,*,deny", "unknown row type 'q'"),
        ("P,user:a,*,*,read,*,*,*,deny", "unknown row type 'P'"),
        ("p2,user:a,*,*,*,permissive,eu_only,allow", "unknown row type 'p2'"),
        ("p,user:a,*,*,read,*,*,*", "8 columns instead of 9"),
        ("p,user:a,*,*,read,*,*,*,deny,x", "10 columns instead of 9"),
        ("p,user:a,*,*,read,*,*,*,Deny", "'Deny' is neither allow nor deny"),
        ("p,user:a,*,*,read,*,*,*, deny", "blank, padded"),
        ("p,user:a,*,*,read,*,*,,deny", "blank, padded"),
        ("p, ,*,*,read,*,*,*,deny", "blank, padded"),
        ("p,,*,*,read,*,*,*,allow", "blank, padded"),
        ("p,user:a\x1b,*,*,read,*,*,*,deny", "not printable"),
        ("p,user:a,*,*,raed,*,*,*,deny", "'raed' is none of"),
        ("p,user:a,*,*,read|,*,*,*,deny", "'' is none of"),
        ("p,user:a,*,mesh://sales/ord*/x,read,*,*,*,deny", "is not mesh://"),
        ("p,user:a,*,mesh://sales/orders,read,*,*,*,deny", "is not mesh://"),
        ("p,user:a,*,mesh://sales/orders/x@,read,*,*,*,deny", "is not mesh://"),
        ("p,user:a,*,mesh://sales/orders/x#,read,*,*,*,deny", "is not mesh://"),
        ("p,user:a,*,sales.orders.x,read,*,*,*,deny", "is not mesh://"),
        ("p,user:a,*,*,read,a||b,*,*,deny", "column purpose"),
        ("p,user:a,*,*,read,*,EU|*,*,deny", "column region"),
        ("p,bad role,*,*,read,*,*,*,deny", "is not a principal"),
        ("g,user:alice,user:bob", "is not a role"),
        ("g,*,sales/analyst", "is not a principal"),
        ("g,user:alice", "2 columns instead of 3"),
        ('p,"user:a,*,*,read,*,*,*,deny', "not CSV"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(tmp_path: Path, row: str, reason: str) -> None:
    write(tmp_path, f"{GOOD}\n{row}\n")
    with pytest.raises(PolicyError, match=r"rows\.csv:2: ") as caught:
        load_folder(tmp_path)
    assert reason in caught.value.reason
    assert (caught.value.file, caught.value.line) == ("rows.csv", 2)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"p,\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_folder(tmp_path)


def test_patterns_can_name_whatever_the_catalogue_can() -> None:
    assert NAME.pattern.removesuffix(r"\Z") in _SEGMENT
    assert _PATTERN.match("mesh://a.b/c-d/_e@1.2.0-rc.1#Unit Price (€)")


@pytest.mark.parametrize("name", ["deny.CSV", "more/deny.csv"])
def test_a_policy_file_that_would_not_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("p,*,*,*,read,*,*,*,deny\n")
    with pytest.raises(PolicyError, match="would not be read"):
        load_folder(tmp_path)
