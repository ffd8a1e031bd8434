"""The gateway compared with Spark or Trino themselves, over the whole sweep.

python -m tests.dialects.live spark            prints what differs, and how much was compared
python -m tests.dialects.live trino --record   records the answers the tests compare with
"""

from __future__ import annotations

import sys

from tests.dialects import recording
from tests.dialects.comparison import answered, difference
from tests.dialects.live.engines import ask
from tests.dialects.sweep import queries, sample
from tests.dialects.tables import mesh


def main(engine: str, *options: str) -> int:
    """Compare, and record if asked to. The number of differences is what is returned."""
    corpus = (recording.FOLDER / "corpus" / f"{engine}.sql").read_text().splitlines()
    wanted = [*corpus, *(sample(engine) if "--few" in options else queries(engine))]
    opened = mesh()
    ours = answered(opened, engine, wanted)
    opened.close()
    version, theirs = ask(engine, list(ours))
    found = recording.Recorded(version, theirs)
    differences, failed = [], 0
    for query, rows in ours.items():
        try:
            said = difference(query, rows, found.ask(query))
        except recording.Failed:
            failed += 1  # it knows no such function, or has 32 bits where the gateway has 64
            continue
        differences += [said] if said else []
    print(*differences, sep="\n")
    print(
        f"{engine} {version}: {len(wanted)} queries, {len(wanted) - len(ours)} refused here, "
        f"{failed} there; {len(ours) - failed} compared, {len(differences)} differ"
    )
    if "--record" in options:
        kept = [query for query in (*corpus, *sample(engine)) if query in ours]
        recording.record(engine, version, theirs, kept)
    return len(differences)


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
