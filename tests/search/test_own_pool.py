"""What was asked of real sets finds what answers it, in four languages and mistyped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search.conftest import measured
from tests.search.sets import SETS, Pool, queries, two_typos

pytestmark = pytest.mark.data

TYPOS_KEEP = 0.9
SEED = 1


@pytest.mark.parametrize("name", SETS)
async def test_a_set_in_its_own_pool_reaches_its_figure_and_survives_typos(
    name: str, own_pool: Pool, data_folder: Path
) -> None:
    asked = queries(data_folder, name)
    await own_pool.load(data_folder, name)
    await own_pool.analyse()

    reached = await own_pool.mrr(asked)
    mistyped = await own_pool.mrr(asked, two_typos(SEED))

    kept = mistyped / reached
    measured[name].update(own=reached, typos=kept)
    assert reached >= SETS[name].reach
    assert kept >= TYPOS_KEEP
