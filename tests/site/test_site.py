"""The site in a browser: in a wide and a narrow window, in light and dark mode, without a network."""

import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import fastloss
from fastloss.losses import shipped

ROOT = Path(__file__).parent.parent.parent
BROWSER = shutil.which("chromium")
WINDOWS = {"desktop": (1280, "light"), "phone": (390, "dark")}
# How far the page itself, not a box that scrolls, extends beyond the right edge of the window.
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BROKEN = "[...document.images].filter(x => !x.complete || !x.naturalWidth).map(x => x.src)"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Build the pages, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(ROOT / "docs"), str(folder)]
    subprocess.run(command, check=True)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def url(site):
    """Serve the pages on this machine; yield their URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    assert BROWSER, "needs a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])


@pytest.fixture(params=WINDOWS)
def page(request, browser, url):
    """A page of the browser, whose `complaints` list errors and requests to other servers."""
    width, scheme = WINDOWS[request.param]
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.scheme = scheme
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    own = url, "data:"
    page.on("request", lambda it: None if it.url.startswith(own) else page.complaints.append(it.url))
    yield page
    context.close()


def pages(site):
    return sorted(path for path in site.rglob("*.html") if not {"_modules", "_static"} & {*path.parts})


def test_every_page_fits_and_shows_its_pictures(site, url, page, tmp_path):
    found = [path.relative_to(site) for path in pages(site)]
    assert len(found) > len(shipped()) + 20
    for path in found:
        page.goto(f"{url}/{path}")
        assert page.evaluate(OVERFLOW) == 0, path
        assert page.evaluate(BROKEN) == [], path
        assert page.complaints == [], path
    assert page.evaluate("document.documentElement.dataset.theme") == page.scheme
    page.goto(f"{url}/gallery/huber.html")
    page.screenshot(path=tmp_path / "huber.png", full_page=True)
    assert (tmp_path / "huber.png").stat().st_size > 20_000
    for picture in page.query_selector_all("article img"):
        assert picture.bounding_box()["width"] > 200  # pixels, so that the axes are legible


def test_search_finds_a_loss_without_another_server(url, page):
    page.goto(f"{url}/search.html?q=huber")
    page.wait_for_selector("#search-results li a")
    links = [link.get_attribute("href") for link in page.query_selector_all("#search-results li a")]
    assert any("gallery/huber.html" in link for link in links)
    assert page.complaints == []


def test_two_clicks_lead_to_a_huber_gradient_for_each_column(url, page):
    page.goto(f"{url}/index.html")
    page.click("text=A Huber gradient for each column of a DataFrame")
    assert "huber.grad(pred, truth, delta=pd.Series(" in page.text_content("#a-delta-for-each-column")


def test_links_within_the_site_lead_somewhere(site):
    anchors = {
        path: set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8"))) for path in site.rglob("*.html")
    }
    checked = 0
    for path in pages(site):
        for link in re.findall(r'<a [^>]*href="([^":]+)"', path.read_text("utf-8")):
            name, _, anchor = link.partition("#")
            there = (path.parent / name).resolve() if name else path
            assert there.exists(), (path, link)
            assert not anchor or there.suffix != ".html" or anchor in anchors[there], (path, link)
            checked += 1
    assert checked > 1000


def test_every_loss_has_its_page_with_its_formula(site):
    for name, loss in shipped().items():
        text = (site / "gallery" / f"{name}.html").read_text("utf-8")
        assert "<math" in text
        assert text.count(f'src="{name}-') + text.count(f'src="../_images/{name}-') == 3
        assert all(
            f">{parameter}<" in text or f"<strong>{parameter}</strong>" in text for parameter in loss.domains
        )


def test_every_public_name_is_in_the_reference(site):
    text = "".join(path.read_text("utf-8") for path in pages(site))
    assert [name for name in fastloss.__all__ if f'id="fastloss.{name}"' not in text] == []
