"""Fixtures for tests of the viewer in a browser; a test module asks for them with `pytest_plugins`."""

import pytest
from viewer_helpers import Shown, viewer_page


@pytest.fixture(scope="module")
def url(chromium):
    with viewer_page() as address:
        yield address


@pytest.fixture
def open_page(browser, url):
    """Opens pages; at the end none may have logged an error or asked another host for anything."""
    contexts, faults = [], []

    def open_one(dark: bool = False, **options):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda r: None if r.url.startswith((url, "blob:", "data:")) else faults.append(f"asked {r.url}")
        )
        page.goto(f"{url}?__theme={'dark' if dark else 'light'}")
        page.wait_for_selector("#viewer-other .viewer")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def shown(open_page):
    return Shown(open_page())
