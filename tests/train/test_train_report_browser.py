"""The report page in a real browser: headless Chromium, narrow and wide, light and dark, without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from report_samples import write_run

from pixmix.train._reports.report import ReportConfig, report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on the PATH")

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    *("--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1500,900"),
]
DARK = "--blink-settings=preferredColorScheme=0"

# A window is 500 px wide at least, a frame is not.
FRAME = """<!doctype html>
<style>:root { color-scheme: light dark } iframe { border: 0; height: 900px; width: WIDTHpx }</style>
<link rel="icon" href="data:,"><iframe src="report.html"></iframe>
<script>
addEventListener("load", () => {
  const view = document.querySelector("iframe").contentWindow, page = view.document;
  const all = (what, root = page) => [...root.querySelectorAll(what)];
  const style = element => view.getComputedStyle(element);
  const plots = all("svg.panel").map(svg => [svg, svg.getBoundingClientRect()]).filter(([_, box]) => box.width);
  const beyond = (inner, outer) => inner.left < outer.left - 2 || inner.right > outer.right + 2
    || inner.top < outer.top - 2 || inner.bottom > outer.bottom + 2;
  const seen = {
    inner: view.innerWidth,
    scroll: page.documentElement.scrollWidth,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    images: all("img").map(image => [image.complete, image.naturalWidth, image.getBoundingClientRect().width]),
    plots: plots.map(([svg, box]) => [box.width, box.height, 12 * box.width / svg.viewBox.baseVal.width]),
    outside: plots.flatMap(([svg, box]) => all("text", svg).filter(text => beyond(text.getBoundingClientRect(), box)))
      .map(text => text.textContent),
    asked: view.performance.getEntriesByType("resource").map(entry => entry.name)
      .filter(name => !name.startsWith("data:")),
    paper: style(page.body).backgroundColor,
    ink: style(page.body).color,
    soft: style(page.querySelector("p")).color,
    tick: style(page.querySelector("svg.panel .end")).fill,
    lines: all(".legend .line").map(line => style(line).stroke),
    cells: all(".heat td, td.best").map(cell => [style(cell).color, style(cell).backgroundColor]),
  };
  const told = document.createElement("script");
  told.type = "application/json"; told.id = "seen"; told.textContent = JSON.stringify(seen);
  document.body.append(told);
});
</script>
"""


class Files(BaseHTTPRequestHandler):
    """Gives the page and the frame around it."""

    def __init__(self, files: dict[str, str], *arguments: Any) -> None:
        self.files = files
        super().__init__(*arguments)

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write((content or "").encode())

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest would show it."""


def look(page: str, tmp_path: Path, width: int, *, dark: bool = False) -> tuple[dict[str, Any], list[str]]:
    """What a browser with a window of this width makes of a page, and its console's lines; no name is resolved."""
    files = {"/": FRAME.replace("WIDTH", str(width)), "/report.html": page}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, files)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        own = [f"--user-data-dir={tmp_path / 'profile'}", *([DARK] if dark else [])]
        address = f"http://127.0.0.1:{server.server_port}/"
        command = [str(BROWSER), *FLAGS, *own, "--dump-dom", address]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        finally:
            server.shutdown()
            thread.join()
    found = re.search(r'<script type="application/json" id="seen">(.*?)</script>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    return json.loads(found[1]), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(...)` or of `oklab(...)`, whose lightness to the third power is near it."""
    numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-?\d+)?", colour)]
    if colour.startswith("oklab"):
        return numbers[0] ** 3
    linear = [(c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in numbers[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """As WCAG defines it, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of nine runs, one of them only measured: the ninth has the first one's colour, dashed."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [write_run(folder / f"digits-<b>run-{number}", 0.05 + 0.03 * number) for number in range(8)]
    runs.append(write_run(folder / "a-name-without-end-of-a-network-that-was-measured-alone", 0.3, trained=False))
    return report(ReportConfig(runs=tuple(runs), out=folder / "report.html")).read_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1400])
def test_the_page_is_whole_in_a_browser(page: str, tmp_path: Path, width: int, dark: bool) -> None:
    seen, console = look(page, tmp_path, width, dark=dark)
    assert not console
    assert not seen["asked"], "the page asks for more than itself"
    assert seen["inner"] == width
    assert seen["dark"] is dark
    assert seen["scroll"] <= width, "the page is wider than its window"
    assert len(seen["images"]) == 9  # eight runs' images, and their one mixing set
    assert all(complete and natural > 0 and 0 < shown <= width for complete, natural, shown in seen["images"])
    assert len(seen["plots"]) > 20
    assert all(wide <= width and high > 0 and letters > 8 for wide, high, letters in seen["plots"])
    assert not seen["outside"], "text lies beyond its plot"
    assert (luminance(seen["paper"]) < 0.05) is dark
    assert contrast(seen["ink"], seen["paper"]) > 12
    assert min(contrast(seen["soft"], seen["paper"]), contrast(seen["tick"], seen["paper"])) > 4.5
    assert len(seen["lines"]) == 9
    assert len(set(seen["lines"])) == 8
    assert min(contrast(line, seen["paper"]) for line in seen["lines"]) > 3
    assert min(contrast(ink, cell) for ink, cell in seen["cells"]) > 4.5


def test_what_is_broken_is_seen(page: str, tmp_path: Path) -> None:
    """The looks of the test above can fail."""
    wide = '<div style="width:3000px">x</div><img src="nowhere.png"><img src="https://elsewhere.example/image.png">'
    broken = page.replace("<main>", f'<main>{wide}<script>console.error("hear me")</script>')
    seen, console = look(broken, tmp_path, 400)
    assert any("hear me" in line for line in console)
    assert seen["scroll"] >= 3000
    assert seen["images"][0][1] == 0
    assert [name.rpartition("/")[2] for name in seen["asked"]] == ["nowhere.png", "image.png"]
