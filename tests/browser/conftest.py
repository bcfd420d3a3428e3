"""A headless Chromium that is driven over pages of synthetic data."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from tests.explored import Explored

from clipit.reporting.explorer import build_explorer

NEEDED = "CLIPIT_NEED_BROWSER"
DESK, PHONE = (1440, 900), (390, 844)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """The browser, one for all tests. Without one they are skipped, or fail where CLIPIT_NEED_BROWSER is set."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        missing = "chromium or chromedriver is not installed: apt-get install chromium chromium-driver"
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(chromedriver))
    browser.set_script_timeout(120)
    yield browser
    browser.quit()


@dataclass(frozen=True)
class Page:
    """An open page."""

    driver: webdriver.Chrome

    def js(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def get(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def text(self, selector: str) -> str:
        return self.js("return document.querySelector(arguments[0]).textContent", selector)

    def texts(self, selector: str) -> list[str]:
        return self.js("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector)

    def click(self, selector: str) -> None:
        self.get(selector).click()

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def until(self, condition: Callable[[], Any], seconds: float = 20) -> Any:
        """Waits for something to be true, and gives it."""
        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: condition())

    def until_status(self, words: str) -> None:
        self.until(lambda: self.text("#status") == words)

    def choose(self, name: str, label: str) -> None:
        """An option of one of the form's lists, by how it begins."""
        (option,) = [o for o in self.all(f"[name={name}] option") if o.get_attribute("text").startswith(label)]
        option.click()

    def write(self, name: str, text: str) -> None:
        """Text into one of the form's fields, in place of what is there."""
        field = self.get(f"[name={name}]")
        field.clear()
        field.send_keys(text or Keys.BACKSPACE)

    @property
    def names(self) -> list[str]:
        """Names of the rows in the page, in the order in which they are read."""
        return self.texts("[role=option] .name")

    @property
    def selected(self) -> str:
        return self.text("[role=option][aria-selected=true] .name")

    @property
    def focus(self) -> str:
        """The id of what has the focus, or the name of its field."""
        return self.js("return document.activeElement.id || document.activeElement.name")

    @property
    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways, but tables in a box of their own, nor is the page zoomed out."""
        return self.js(
            "const wide = (e) => e.scrollWidth > e.clientWidth + 1;"
            "return ![document.documentElement, ...document.querySelectorAll('#list, #detail, #filters')].some(wide)"
            " && innerWidth <= screen.width"
        )

    def errors(self) -> list[str]:
        """What the browser has to complain about, policy violations among it."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] != "INFO"]


@pytest.fixture
def visit(driver: webdriver.Chrome) -> Iterator[Callable[..., Page]]:
    """Opens a file in a window of the given size; afterwards the browser must have had nothing to complain about."""
    page = Page(driver)

    def at(path: Path, size: tuple[int, int] = DESK, ready: str = "[data-ready]") -> Page:
        width, height = size
        screen = {"width": width, "height": height, "screenWidth": width, "screenHeight": height,
                  "deviceScaleFactor": 1, "mobile": width < 500}  # fmt: skip
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        driver.get(path.as_uri())
        page.until(lambda: page.all(ready))
        return page

    yield at
    assert page.errors() == []


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds an explorer of invented data, each kind once: arguments of `Explored`, and show_text."""
    made: dict[str, Path] = {}

    def page(*, show_text: bool = True, **data: Any) -> Path:
        key = repr((show_text, sorted(data.items())))
        if key not in made:
            root = tmp_path_factory.mktemp("explorer")
            made[key] = root / "explorer.html"
            build_explorer(made[key], **{**Explored(root, **data).write(), "show_text": show_text})
        return made[key]

    return page


@pytest.fixture
def explorer(visit: Callable[..., Page], pages: Callable[..., Path]) -> Page:
    """An explorer of sixty images on a desk's screen."""
    return visit(pages())
