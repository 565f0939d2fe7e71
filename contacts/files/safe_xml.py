"""An XML parser for files of strangers: no document types and so no entities, nothing that fills the memory."""

from typing import Protocol
from xml.parsers import expat

from contacts.files.reasons import FileProblem, FileRefused

CHUNK = 64 << 10
MAX_DEPTH = 100  # of nested elements; handlers count it, because they are called anyway
_MAX_TAG = 1 << 20  # bytes of one tag or comment
_MAX_NAMES = 10_000  # different names of elements and attributes, all of which the parser keeps


class Handler(Protocol):
    """What is called while parsing. `start` and `end` have to keep the depth within `MAX_DEPTH`."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def end(self, tag: str) -> None: ...
    def text(self, data: str) -> None: ...


class SafeXml:
    """Parses piece by piece. Raises FileRefused for what is not well-formed or not safe."""

    def __init__(self, handler: Handler) -> None:
        self._names: dict[str, str] = {}
        self._fed = 0
        self._parser = expat.ParserCreate(intern=self._names)
        self._parser.buffer_text = True
        self._parser.buffer_size = CHUNK
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = handler.start
        self._parser.EndElementHandler = handler.end
        self._parser.CharacterDataHandler = handler.text

    def feed(self, chunk: bytes) -> None:
        """Parse the next piece; what it completes is reported at once."""
        self._fed += len(chunk)
        self._parse(chunk, final=False)
        if self._fed - self._parser.CurrentByteIndex > _MAX_TAG or len(self._names) > _MAX_NAMES:
            raise FileRefused(FileProblem.UNSAFE)

    def finish(self) -> None:
        """Nothing more comes: refuse a document that is not complete."""
        self._parse(b"", final=True)

    def _parse(self, data: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise FileRefused(FileProblem.CORRUPT) from error

    def _refuse(self, *_ignored: object) -> None:
        raise FileRefused(FileProblem.UNSAFE)


def local(tag: str) -> str:
    """The name of an element without its namespace prefix."""
    return tag.rpartition(":")[2]
