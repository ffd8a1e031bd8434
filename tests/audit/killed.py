"""A gateway's log under load, for a test that kills it: prints each query id once it is durable."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from gateway.audit import AuditLog, Outcome
from tests.audit.logs import KEY, decision


def main(folder: Path, round_: str) -> None:
    log = AuditLog.open(folder, KEY)
    said = threading.Lock()

    def work(worker: int) -> None:
        number = 0
        while True:
            number += 1
            query = f"{round_}-{worker}-{number}"
            receipt = log.record(decision(0, id=query))
            receipt.wait()
            with said:
                sys.stdout.write(f"{query}\n")
                sys.stdout.flush()
            log.outcome(receipt, Outcome("completed", number))

    for worker in range(4):
        threading.Thread(target=work, args=(worker,)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
