"""The tables of collaboration, a module per noun."""

from collaboration.models.board import BoardDay
from collaboration.models.duplicates import Duplicate
from collaboration.models.grants import CollaborationRule, Invitation
from collaboration.models.transfers import InheritanceRule, Transfer, TransferItem

__all__ = [
    "BoardDay",
    "CollaborationRule",
    "Duplicate",
    "InheritanceRule",
    "Invitation",
    "Transfer",
    "TransferItem",
]
