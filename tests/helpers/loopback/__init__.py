"""A Hub on the loopback interface: the protocol that `huggingface_hub` speaks, over real HTTP, stored on disk."""

from .server import READER, STRANGER, WRITER, Hub

__all__ = ["READER", "STRANGER", "WRITER", "Hub"]
