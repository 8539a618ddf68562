"""Who asks, wherever the question comes from."""

from __future__ import annotations

from dataclasses import fields, replace

from server.context import Viewer


def test_a_viewer_at_another_address_loses_nothing_else() -> None:
    viewer = Viewer("m42", "Mio", 40, 7, "192.0.2.1", "ja", 1_763_750_000_123)
    standard = Viewer()

    assert viewer.at("198.51.100.7") == replace(viewer, address="198.51.100.7")
    # Whoever adds a field to a viewer gives it a value above, and is told here if it gets lost.
    assert all(getattr(viewer, f.name) != getattr(standard, f.name) for f in fields(Viewer))
