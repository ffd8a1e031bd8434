"""What a session does: a stop keeps new work from beginning, and nothing from being closed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors import Cancelled
from gateway.postgres_wire.work import Work
from gateway.serving.streams import by_request


def test_what_is_stopped_is_still_closed() -> None:
    async def session() -> None:
        with ThreadPoolExecutor(1) as workers:
            work = Work(workers, lambda: None)
            work.begin()
            work.stop(by_request)
            with pytest.raises(Cancelled):
                await work.run(lambda: "begun")
            assert await work.finish(lambda: "closed") == "closed"
            work.end()
            assert await work.run(lambda: "begun") == "begun"

    asyncio.run(session())
