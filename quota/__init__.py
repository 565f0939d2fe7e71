"""The external-contact scale: capacity, packages, exact admission, the ledger."""
