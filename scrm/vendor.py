"""The front-end libraries' files that the console serves, out of the many that their packages bring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

FOLDER = Path(settings.BASE_DIR) / "node_modules"
# Address below /static/ → file below node_modules/. A `.map` goes along because the file names it.
FILES = {
    "vendor/tabler/css/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "vendor/tabler/css/tabler.min.css.map": "@tabler/core/dist/css/tabler.min.css.map",
    "vendor/tabler/css/tabler-vendors.min.css": "@tabler/core/dist/css/tabler-vendors.min.css",
    "vendor/tabler/css/tabler-vendors.min.css.map": "@tabler/core/dist/css/tabler-vendors.min.css.map",
    "vendor/tabler/js/tabler.min.js": "@tabler/core/dist/js/tabler.min.js",
    "vendor/tabler/js/tabler.min.js.map": "@tabler/core/dist/js/tabler.min.js.map",
    "vendor/htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "vendor/echarts/echarts.min.js": "echarts/dist/echarts.min.js",
    "vendor/swagger/swagger-ui.css": "swagger-ui-dist/swagger-ui.css",
    "vendor/swagger/swagger-ui.css.map": "swagger-ui-dist/swagger-ui.css.map",
    "vendor/swagger/swagger-ui-bundle.js": "swagger-ui-dist/swagger-ui-bundle.js",
    "vendor/swagger/swagger-ui-bundle.js.map": "swagger-ui-dist/swagger-ui-bundle.js.map",
}


class VendorStorage(FileSystemStorage):
    """node_modules under the addresses of FILES."""

    def __init__(self) -> None:
        super().__init__(location=FOLDER, base_url=None)

    def path(self, name: str) -> str:
        return super().path(FILES[name])


class VendorFinder(BaseFinder):
    """Finds exactly FILES; what `npm ci` has not brought is left out (tests need none of it)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.storage = VendorStorage()

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        found = self.storage.path(path) if path in FILES and self.storage.exists(path) else None
        if find_all:
            return [found] if found else []
        return found or []

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, FileSystemStorage]]:
        for name in FILES:
            if self.storage.exists(name):
                yield name, self.storage
