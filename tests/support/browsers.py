"""What a browser says of a page."""

from importlib.resources import files
from typing import Any


def axe_violations(browser: Any) -> list[str]:
    """Let axe-core judge how accessible the page is that a browser shows; colours are judged without anything clipped."""
    browser.execute_script((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document).then(done, error => done({violations: [{id: String(error), nodes: []}]}))"
    )
    return [f"{one['id']}: {[node['html'][:200] for node in one['nodes']][:3]}" for one in found["violations"]]
