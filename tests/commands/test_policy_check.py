"""`meshgate policy check`: every mistake with its place, and rows that never count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main
from tests.catalogue.meshes import contract, custom, port, product, write
from tests.commands.governed import governed_mesh, meshgate, policies


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return governed_mesh(tmp_path_factory.mktemp("mesh"))


def test_every_mistake_is_told_not_only_the_first(mesh: Path, tmp_path: Path) -> None:
    wrong = "p,sales/analyst,*,*,raed,*,*,*,allow\nq,x\np,sales/analyst,*,*,read,*,*,*,allow\n"
    new = policies(tmp_path / "new", access=wrong, masks='p3,"open\np3,a,*,*,pii,*,rot13,allow\n')
    checked = meshgate("policy", "check", new, "--mesh", mesh)
    assert checked.returncode == 1
    places = [line.split(" error: ")[0] for line in checked.stdout.splitlines() if "error" in line]
    assert places == ["access.csv:1:", "access.csv:2:", "masks.csv:1:", "masks.csv:2:"]
    assert "7 rows: 4 errors" in checked.stderr


def test_purposes_in_a_circle_are_told_beside_other_mistakes(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = policies(tmp_path / "new", access="g2,a,b\ng2,b,a\nnonsense\n")
    (new / "sub").mkdir()
    (new / "sub" / "unread.csv").write_text("")
    assert main(["policy", "check", str(new), "--mesh", str(mesh), "--json"]) == 1
    errors = json.loads(capsys.readouterr().out)["errors"]
    places = [(e["file"], e["line"]) for e in errors]
    assert places == [("sub/unread.csv", 0), ("access.csv", 3), ("access.csv", 2)]


def test_a_mesh_that_is_right_has_only_its_expired_row(
    mesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check", "--mesh", str(mesh)]) == 0
    assert capsys.readouterr().out == "access.csv:5: warning: the row ended 2026-01-01\n"


@pytest.mark.parametrize(
    ("row", "warning"),
    [
        ("p,sales/analyst,slaes,*,read,*,*,*,allow", "no dataset is in the domain slaes; did you"),
        ("p,sales/analyst,*,mesh://sales/orders/line,read,*,*,*,allow", "there is no dataset mesh"),
        ("p,sales/analyst,*,mesh://sales/orders/lines@2,read,*,*,*,allow", "there is no dataset"),
        ("p,sales/analyst,hr,mesh://sales/orders/lines,read,*,*,*,allow", "is in the domain hr"),
        ("p,sales/analyst,*,mesh://sales/orders/lines#emial,read,*,*,*,deny", "no column emial"),
        ("p,sales/analyst,*,*,read,*,*,pay|pij,allow", "the tag pij; did you mean pii?"),
        ("p3,sales/analyst,hr,*,pii,*,hash,allow", "the columns it is for have the tag pii"),
        ("p2,sales/analyst,*,*,*,permissive,eu_only,allow", "salaries@1.0.0 has no row filter eu"),
        ("p,sales/analist,*,*,read,*,*,*,allow", "nobody has the role sales/analist; did you mean"),
        ("p,user:anna,*,*,read,*,*,*,allow", "there is no user:anna; did you mean user:ana?"),
        ("g,user:anna,sales/analyst", "there is no user:anna"),
        ("p,sales/analyst,*,*,read,payrol,*,*,allow", "payrol is not in the tree of g2 rows; did"),
    ],
)
def test_rows_that_never_count(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str, warning: str
) -> None:
    new = policies(tmp_path / "new")
    (new / "zz.csv").write_text(f"{row}\n")
    assert main(["policy", "check", str(new), "--mesh", str(mesh)]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("zz.csv:1:")]
    assert len(said) == 1
    assert warning in said[0]


@pytest.mark.parametrize(
    "row",
    [
        "p,sales/analyst,sales|hr,*,read,payroll|payroll/bonus,*,pii|pay|secret,deny",
        "p2,sales/analyst,*,*,*,restrictive,all_rows,allow",
        "p2,sales/lead,*,*,*,permissive,eu_only,deny",
        "p,svc:loader.example,*,mesh://*/*/*@1.0.0#id,read,*,*,*,allow,from=2126-01-01",
    ],
)
def test_rows_that_may_count_are_left_alone(
    mesh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: str
) -> None:
    new = policies(tmp_path / "new")
    (new / "zz.csv").write_text(f"{row}\n")
    assert main(["policy", "check", str(new), "--mesh", str(mesh)]) == 0
    assert "zz.csv" not in capsys.readouterr().out


def test_roles_may_come_with_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mesh = governed_mesh(tmp_path)
    (mesh / "identity.toml").write_text(
        '[[issuers]]\nname = "corp"\nissuer = "https://login.example"\naudience = "m"\n'
        'algorithms = ["RS256"]\n[issuers.groups]\n"temps" = "sales/guest"\n'
    )
    (mesh / "policies" / "zz.csv").write_text(
        "p,sales/guest,*,*,read,*,*,*,allow\np,user:eve@corp,*,*,read,*,*,*,allow\n"
    )
    assert main(["policy", "check", "--mesh", str(mesh)]) == 0
    assert "zz.csv" not in capsys.readouterr().out


def test_nobody_has_to_hold_the_role_that_owns_a_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh = governed_mesh(tmp_path)
    view = {"sql": "SELECT id FROM sales.orders.lines", "owner": "sales/owner", "unmask": True}
    document = contract(
        id="sales.views.ids",
        schema=[{"name": "ids", "properties": [{"name": "id", "logicalType": "integer"}]}],
        customProperties=custom(view=view),
    )
    write(mesh, "products/sales/views/ids.odcs.yaml", document)
    write(
        mesh,
        "products/sales/views/views.odps.yaml",
        product(port(name="ids", contractId="sales.views.ids"), id="sales.views", name="views"),
    )
    (mesh / "policies" / "zz.csv").write_text(
        "p,sales/owner,sales,mesh://sales/orders/lines,read|publish,*,*,*,allow\n"
    )
    assert main(["policy", "check", "--mesh", str(mesh)]) == 0
    assert "zz.csv" not in capsys.readouterr().out
