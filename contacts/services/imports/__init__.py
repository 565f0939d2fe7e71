"""Imports of contacts, purchases and interactions (C12), and of WeCom's list of served people (Q2).

The way of one row: file → `contacts.files` (typed, or refused) → a temporary table by COPY → set-based SQL.

* `start`: take the file in, preview it, queue the job.
* `work`: the job: batches, duplicates, refusals, progress, the report.
* `staging`: the temporary table and what its loaders share.
* `contacts`, `purchases`, `interactions`, `served`: a loader per kind.
"""

from contacts.services.imports.start import OnFull, Preview, Upload, import_upload, keep_upload, preview, start_import

__all__ = ["OnFull", "Preview", "Upload", "import_upload", "keep_upload", "preview", "start_import"]
