"""A real headless Chromium for tests of pages; where there is none, such tests are skipped, loudly.

With CAPONIMAGE_REQUIRE_BROWSER=1 they fail instead, so that a machine that should have one cannot fall silent.
"""

import os
import shutil
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """The browser; it ends with its module, since its event loop would keep others from running one."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        said = f"PAGES NOT TESTED: no browser on the PATH, expected one of {', '.join(NAMES)}"
        if os.environ.get("CAPONIMAGE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{said}; CAPONIMAGE_REQUIRE_BROWSER=1 asks for one")
        warnings.warn(said, stacklevel=1)
        pytest.skip(said)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: "Browser") -> Iterator["Page"]:
    """A page; errors of its scripts, refusals of its security policy and requests beyond files fail the test."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    opened, wrong = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    outside = ("file:", "data:", "blob:")
    opened.on("request", lambda request: None if request.url.startswith(outside) else wrong.append(request.url))
    yield opened
    context.close()
    assert wrong == []


def until(page: "Page", condition: str, seconds: float = 20) -> None:
    """Wait for a JavaScript expression to be true; playwright's own waiting needs what our pages' policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"still not so after {seconds} s: {condition}"
        time.sleep(0.01)
