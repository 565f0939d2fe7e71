"""Tables as files (C12): reading what customers upload, writing what they download.

Pure Python: no models, no database. The way of one uploaded row:

    readers.open_table → Batch of raw rows → columns.resolve (once) → rows.RowParser → typed tuple

Whatever is wrong with the file as a whole is a `FileRefused`; whatever is wrong with one row is a `RowRefused`
with a `Reason`, and `writers.RefusalReport` gives the row back to the person who sent it.
"""
