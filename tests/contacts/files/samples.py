"""Files as people and attackers send them, made when they are needed."""

import io
import zipfile
from collections.abc import Iterable

from contacts.files.readers import Checkpoint, open_table

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def read(data: bytes, filename: str = "table.csv", checkpoint: Checkpoint | None = None):
    """Header, rows as (line, cells), refusals as (line, code) of a file."""
    rows, refused = [], []
    with open_table(io.BytesIO(data), filename, checkpoint) as table:
        for batch in table.batches():
            rows += batch.rows
            refused += [(row.line, row.refusal.code) for row in batch.refused]
        return table.header, rows, refused


def resumed_everywhere(data: bytes, filename: str) -> list[tuple[int, list[str]]]:
    """All rows and refused rows of a file, read one by one, each from the checkpoint of the one before."""
    found = []
    checkpoint = None
    while True:
        with open_table(io.BytesIO(data), filename, checkpoint) as table:
            batch = next(table.batches(1), None)
        if batch is None:
            return found
        found += batch.rows + [(row.line, row.cells) for row in batch.refused]
        checkpoint = batch.checkpoint


def workbook(
    sheet: str | bytes,
    *,
    strings: str | None = None,
    styles: str | None = None,
    prefix: str = "",
    sheets: str = '<sheet name="a" sheetId="1" r:id="rId1"/>',
    properties: str = "",
    extra: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """A workbook whose sheet is the given XML, or has the given rows when it does not begin like XML."""
    if isinstance(sheet, str) and not sheet.startswith("<?"):
        colon = f":{prefix}" if prefix else ""
        tag = f"{prefix}:" if prefix else ""
        sheet = (
            f'<?xml version="1.0"?><{tag}worksheet xmlns{colon}="{NAMESPACE}">'
            f"<{tag}sheetData>{sheet}</{tag}sheetData></{tag}worksheet>"
        )
    relations = [("rId1", "worksheet", "worksheets/sheet1.xml"), ("rId2", "worksheet", "worksheets/sheet2.xml")]
    parts = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": _relations([("rId1", "officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": f'<workbook xmlns="{NAMESPACE}" xmlns:r="{RELATIONS}">{properties}'
        f"<sheets>{sheets}</sheets></workbook>",
        "xl/worksheets/sheet1.xml": sheet,
    }
    if strings is not None:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{NAMESPACE}">{strings}</sst>'
        relations.append(("rId3", "sharedStrings", "sharedStrings.xml"))
    if styles is not None:
        parts["xl/styles.xml"] = f'<styleSheet xmlns="{NAMESPACE}">{styles}</styleSheet>'
        relations.append(("rId4", "styles", "/xl/styles.xml"))
    parts["xl/_rels/workbook.xml.rels"] = _relations(relations)
    return archive([*parts.items(), *extra])


def archive(parts: Iterable[tuple[str, str | bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as target:
        for name, content in parts:
            target.writestr(name, content)
    return stream.getvalue()


def _relations(relations: list[tuple[str, str, str]]) -> str:
    return (
        f'<Relationships xmlns="{PACKAGE_RELATIONS}">'
        + "".join(
            f'<Relationship Id="{id_}" Type="{RELATIONS}/{kind}" Target="{target}"/>' for id_, kind, target in relations
        )
        + "</Relationships>"
    )


def text_cells(*texts: str) -> str:
    """Cells with text in them, in XML."""
    return "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
