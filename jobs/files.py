"""Files of runs: what was uploaded for them and what they report.

They stand in Django's default storage under jobs/<enterprise>/<run>/; web and worker share it. Nothing of a path
comes from outside, and nothing is served by address: views open a file for those who may see its run.
"""

import mimetypes
from pathlib import PurePath
from typing import IO
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.http import FileResponse

from common.errors import NotFound
from jobs.models import JobRun


def enterprise_folder(enterprise_id: UUID) -> str:
    """Where the folders of an enterprise's runs stand."""
    return f"jobs/{enterprise_id}"


def store(enterprise_id: UUID, run_id: UUID, name: str, content: IO[bytes]) -> str:
    """Keep a file of a run and return its path. `name` is ours, never an uploader's."""
    return default_storage.save(f"{enterprise_folder(enterprise_id)}/{run_id}/{PurePath(name).name}", File(content))


def download(run: JobRun) -> FileResponse:
    """The report of a run as a download. The caller checks who may see the run. NotFound when it is gone."""
    if not run.report:
        raise NotFound()
    try:
        stored = default_storage.open(run.report, "rb")
    except FileNotFoundError as error:
        raise NotFound() from error
    kind = mimetypes.guess_type(run.report_name)[0] or "application/octet-stream"
    response = FileResponse(stored, as_attachment=True, filename=run.report_name, content_type=kind)
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def run_folders(enterprise_id: UUID) -> list[str]:
    """The names (run ids) of the folders that stand there."""
    try:
        return default_storage.listdir(enterprise_folder(enterprise_id))[0]
    except FileNotFoundError:
        return []


def remove(enterprise_id: UUID, run_id: UUID) -> None:
    """Delete everything that is kept of a run's files."""
    place = f"{enterprise_folder(enterprise_id)}/{run_id}"
    try:
        names = default_storage.listdir(place)[1]
    except FileNotFoundError:
        return
    for name in names:
        default_storage.delete(f"{place}/{name}")
    default_storage.delete(place)
