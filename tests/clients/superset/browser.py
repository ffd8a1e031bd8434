"""Superset in a headless Chromium, as one of its users sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

from tests.clients.superset.running import Superset
from tests.services import program

SIZE = {"width": 1400, "height": 900}
SECONDS = 60.0
LOG_INS = 3

TELEMETRY = "apachesuperset.gateway.scarf.sh"
"""A picture of one pixel, by which Superset counts its visitors: nothing needs it."""

ROWS = """grid => [...grid.querySelectorAll('[role=row]')]
    .sort((one, other) => one.getAttribute('row-index') - other.getAttribute('row-index'))
    .map(row => [...row.querySelectorAll('[role=gridcell]')]
        .sort((one, other) => one.ariaColIndex - other.ariaColIndex)
        .map(cell => cell.innerText.trim()))"""
"""The rows of a grid are not in order in the document."""


class Screen:
    """One user's browser. `outside` are the hosts it wanted something from but Superset."""

    def __init__(self, superset: Superset, user: str, page: Page, pictures: Path) -> None:
        self._superset = superset
        self._user = user
        self._pictures = pictures
        self.page = page
        self.outside: set[str] = set()

    def picture(self, name: str) -> None:
        """Keep what is on the screen now."""
        self.page.screenshot(path=str(self._pictures / f"{self._user} {name}.png"))

    def log_in(self) -> None:
        """Log in; again if need be: the form may be drawn anew while it is being filled.

        The page one is welcomed with is not waited for: of its megabytes of scripts nobody looks at
        anything, and on a busy machine they took longer than all else.
        """
        for _ in range(LOG_INS):
            self.page.goto(f"{self._superset.address}/login/")
            self.page.fill("input#username", self._user)
            self.page.fill("input#password", self._superset.password(self._user))
            self.page.locator("button:has-text('Sign in')").click()
            self.page.wait_for_url(lambda url: not url.endswith("/login/"), wait_until="commit")
            if "/superset/welcome/" in self.page.url:
                return
            print(f"Superset sends {self._user} to {self.page.url}")
        raise AssertionError(f"{self._user} can not log in: {self.page.url}")

    def dashboard(self, slug: str) -> None:
        self.page.goto(f"{self._superset.address}/superset/dashboard/{slug}/")

    def table(self) -> list[list[str]]:
        """The cells of the table on a dashboard, as they are on the screen."""
        self.page.locator("table tbody td").first.wait_for()
        rows = self.page.locator("table tbody tr").all()
        return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]

    def sql_lab(self, database: int) -> None:
        address = f"{self._superset.address}/sqllab/?dbid={database}&sql={quote('SELECT 1')}"
        self.page.goto(address)
        self.page.locator("[data-test=run-query-action]").first.wait_for()

    def run(self, sql: str) -> None:
        """Write a query over the one that is there, and press Run."""
        self.page.locator(".ace_content").first.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(sql)
        self.page.locator("button:has-text('Run')").first.click()

    def results(self) -> list[list[str]]:
        """The rows below SQL Lab's editor that are on the screen."""
        self.page.locator(".ag-center-cols-container [role=gridcell]").first.wait_for()
        rows: list[list[str]] = self.page.locator(".ag-center-cols-container").evaluate(ROWS)
        return rows

    def keep_inside(self, context: BrowserContext) -> None:
        """Let nothing be fetched from anywhere else."""

        def refuse(route: Route) -> None:
            self.outside.add(urlsplit(route.request.url).hostname or "")
            route.abort()

        def elsewhere(url: str) -> bool:
            return url.startswith("http") and not url.startswith(self._superset.address)

        context.route(elsewhere, refuse)


@contextmanager
def browsing(superset: Superset, user: str, pictures: Path) -> Iterator[Screen]:
    """A browser in which the user has logged in."""
    chromium = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
        context.set_default_timeout(SECONDS * 1000)
        screen = Screen(superset, user, context.new_page(), pictures)
        screen.keep_inside(context)
        try:
            screen.log_in()
            yield screen
            assert screen.outside <= {TELEMETRY}
        except BaseException:
            screen.picture("failure")
            raise
        finally:
            browser.close()
