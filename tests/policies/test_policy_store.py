"""Policy files: every row is right or the whole set is refused, with file, line and reason."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from gateway.model import NAME
from policies import FolderStore, PolicyError, PolicyRows, Row, StoreError, load_folder, open_store
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
    row = 'p,sales/analyst,sales,"mesh://sales/*/*",read,*,"EU, West","say ""hi""",allow'
    (found,) = load_folder(write(tmp_path, row)).rows
    assert found.columns[5] == "EU, West"
    assert found.columns[6] == 'say "hi"'


def test_a_missing_folder_has_no_rows(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "none").rows == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("q,user:a,*,*,read,*,*,*,deny", "unknown row type 'q'"),
        ("P,user:a,*,*,read,*,*,*,deny", "unknown row type 'P'"),
        ("p4,user:a,*,*,*,permissive,eu_only,allow", "unknown row type 'p4'"),
        ("p2,user:a,*,*,permissive,eu_only,allow", "7 columns instead of 8"),
        ("p2,user:a,*,*,*,Permissive,eu_only,allow", "neither permissive nor restrictive"),
        ("p2,user:a,*,*,*,permissive,eu only,allow", "is not the id of a row filter"),
        ("p2,user:a,*,*,*,permissive,*,allow", "is not the id of a row filter"),
        ("p2,user:a,*,*,*,permissive,region = 'EU',allow", "is not the id of a row filter"),
        ("p2,user:a,*,*,*,permissive,eu_only,maybe", "is neither allow nor deny"),
        ("p2,user:a,*,*,a b,permissive,eu_only,allow", "is not a purpose"),
        ("p2,user:a,*,mesh://a/b/c#d,*,permissive,eu_only,allow", "not of a column"),
        ("p3,user:a,*,*,pii,*,hash", "7 columns instead of 8"),
        ("p3,user:a,*,*,pii,*,sha1,allow", "column mask_id"),
        ("p3,user:a,*,*,pii,*,HASH,allow", "column mask_id"),
        ("p3,user:a,*,*,pii,*,null,denied", "is neither allow nor deny"),
        ("p3,user:a,*,*,*,*,hash,allow", "a mask is for tags that are named"),
        ("p3,user:a,*,*,pii|*,*,hash,allow", "column tag"),
        ("p3,user:a,*,mesh://a/b,pii,*,hash,allow", "is not mesh://"),
        ("g2,fraud", "2 columns instead of 3"),
        ("g2,fraud,*", "is not a purpose"),
        ("g2,fraud|audit,security", "is not a purpose"),
        ('g2,"a,b",security', "is not a purpose"),
        ("g2,fraud,/security", "is not a purpose"),
        ("p,user:a,*,*,read,fraud audit,*,*,allow", "is not a purpose"),
        ('p,user:a,*,*,read,"fraud,audit",*,*,allow', "is not a purpose"),
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


def test_rows_are_checked_however_they_are_made() -> None:
    with pytest.raises(PolicyError, match="neither allow nor deny"):
        PolicyRows((Row("p", ("*", "*", "*", "read", "*", "*", "*", "Deny")),))


# The folder as a store


def settled(folder: Path) -> FolderStore:
    return FolderStore(folder, quiet_seconds=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder, GOOD.replace("allow", "deny"), "a.csv"),
        lambda folder: write(folder, GOOD, "b.csv"),
        lambda folder: (folder / "a.csv").unlink(),
        lambda folder: (folder / "a.csv").rename(folder / "c.csv"),
        lambda folder: (folder / "sub").mkdir(),
        lambda folder: write(folder, GOOD, "b.CSV"),
    ],
)
def test_the_stamp_changes_with_every_change(tmp_path: Path, change: object) -> None:
    store = settled(write(tmp_path, GOOD, "a.csv"))
    before = store.stamp()
    assert store.stamp() == before
    time.sleep(0.02)  # more than one tick of the clock of files
    change(tmp_path)  # type: ignore[operator]
    assert store.stamp() != before


def test_the_stamp_sees_a_change_that_hides_its_time_and_size(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD, "a.csv") / "a.csv"
    store, times = settled(tmp_path), file.stat()
    before = store.stamp()
    time.sleep(0.02)
    file.write_text(GOOD.replace("sales/analyst", "sales/analysu"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_size == times.st_size
    assert store.stamp() != before


def test_a_file_changed_just_now_is_looked_at_again(tmp_path: Path) -> None:
    store = FolderStore(write(tmp_path, GOOD), quiet_seconds=0.05)
    assert store.stamp() != store.stamp()
    time.sleep(0.3)
    assert store.stamp() == store.stamp()


def test_a_folder_that_is_missing_can_be_watched(tmp_path: Path) -> None:
    store = settled(tmp_path / "none")
    before = store.stamp()
    assert store.load().rows == ()
    write_in = tmp_path / "none"
    write_in.mkdir()
    assert store.stamp() != before


def test_a_file_that_is_being_written_does_not_count(tmp_path: Path) -> None:
    """The editor cuts the file off and writes it again, piece by piece: a denial is missing."""
    deny = "p,user:alice,*,*,read,*,*,*,deny\n"
    write(tmp_path, f"{GOOD}\n", "allow.csv")
    file = write(tmp_path, deny, "deny.csv") / "deny.csv"
    store = FolderStore(tmp_path, quiet_seconds=0.1)
    started, stop = threading.Event(), threading.Event()

    def save() -> None:
        while not stop.is_set():
            with file.open("w") as opened:
                started.set()
                time.sleep(0.03)
                opened.write("# how we keep alice out\n")
                opened.flush()
                time.sleep(0.03)
                opened.write(deny)
            file.unlink()
            time.sleep(0.03)
            file.write_text(deny)
            if stop.wait(0.25):
                return

    writer = threading.Thread(target=save)
    writer.start()
    started.wait()
    loads = [[row.effect for row in store.load().rows] for _ in range(8)]
    stop.set()
    writer.join()
    assert loads == [["allow", "deny"]] * 8


def test_files_that_never_rest_are_an_error_that_may_pass(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD, "a.csv") / "a.csv"
    store = FolderStore(tmp_path, quiet_seconds=0.1, patience_seconds=0.4)
    stop = threading.Event()

    def scribble() -> None:
        while not stop.wait(0.01):
            file.write_text(GOOD)

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        with pytest.raises(StoreError, match="keep changing"):
            store.load()
    finally:
        stop.set()
        writer.join()
    assert len(store.load().rows) == 1


def test_a_wrong_row_is_an_error_of_the_store_too(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"rows\.csv:1: ") as caught:
        settled(write(tmp_path, "p,x")).load()
    assert not isinstance(caught.value, StoreError)


def test_a_mesh_keeps_policies_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    write(tmp_path / "policies", GOOD)
    assert len(open_store(tmp_path).load().rows) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("postgres", "not TOML"),
        ("", "one table"),
        ("[mysql]\nuri = 'x'", "one table"),
        ("[postgres]\nuri = 'postgresql://x'\n[other]", "one table"),
        ("[postgres]", "no uri"),
        ("[postgres]\nuri = 5", "not this uri"),
        ("[postgres]\nuri = 'x'\ncreate = 'yes'", "not this create"),
        ("[postgres]\nuri = 'x'\ntable = 'y'", "not this table"),
        ("[postgres]\nuri = '${MESHGATE_NO_SUCH}'", "MESHGATE_NO_SUCH is not set"),
        ("[postgres]\nuri = 'mysql://x'", "starts with postgresql://"),
        ("[postgres]\nuri = 'postgresql://[x'", "malformed"),
        ("[postgres]\nuri = 'postgresql://x'\nschema = 'a; drop'", "not the name of a schema"),
    ],
)
def test_settings_that_are_not_right_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "store.toml").write_text(text)
    with pytest.raises(PolicyError, match=reason):
        open_store(tmp_path)


def test_policies_are_not_kept_in_two_places(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    write(tmp_path / "policies", GOOD)
    (tmp_path / "policies" / "store.toml").write_text("[postgres]\nuri = 'postgresql://x'")
    with pytest.raises(PolicyError, match="two places"):
        open_store(tmp_path)
