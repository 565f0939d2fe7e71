"""The tables of collaboration, a module per noun."""

from collaboration.models.transfers import InheritanceRule, Transfer, TransferItem

__all__ = ["InheritanceRule", "Transfer", "TransferItem"]
