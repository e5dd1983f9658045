from __future__ import annotations

from logreg_dist.checks.sample_size import N_NAMED, sample_size


def test_levels_that_are_too_rare_are_counted_and_never_named():
    levels = {
        "secret": (4.0, 0.0),
        "empty": (20.0, 20.0),
        "tiny": (30.0, 26.0),
        "hidden": (6.0, 1.0),
        "fine": (40.0, 20.0),
    }
    found = sample_size(3, 50.0, categories={"plan": levels}, min_level_count=20)
    assert [(cell.level, cell.n, cell.events) for cell in found.empty_cells] == [("empty", 20.0, 20.0)]
    assert [(cell.level, cell.n, cell.events) for cell in found.tiny_cells] == [("tiny", 30.0, 26.0)]
    assert (found.n_empty_cells, found.n_tiny_cells) == (2, 2)


def test_a_level_counts_as_tiny_below_five_of_either_label():
    levels = {f"{k}": (100.0, float(k)) for k in (1, 4, 5, 95, 96, 99)}
    found = sample_size(1, 1.0, categories={"plan": levels}, min_level_count=1)
    assert {cell.level for cell in found.tiny_cells} == {"1", "4", "96", "99"}


def test_the_largest_cells_are_named_and_all_are_counted():
    levels = {f"{k}": (100.0 + k, 0.0) for k in range(50)}
    found = sample_size(1, 1.0, categories={"plan": levels}, min_level_count=1)
    assert [cell.level for cell in found.empty_cells] == [f"{k}" for k in range(49, 49 - N_NAMED, -1)]
    assert found.n_empty_cells == 50


def test_a_level_without_rows_is_no_cell():
    found = sample_size(1, 9.0, categories={"plan": {"__other__": (0.0, 0.0)}}, min_level_count=0)
    assert (found.n_empty_cells, found.events_per_parameter) == (0, 9.0)


def test_without_parameters_there_is_no_ratio_and_without_counts_no_number_of_cells():
    found = sample_size(0, 9.0, categories=None, min_level_count=20)
    assert (found.events_per_parameter, found.n_empty_cells, found.n_tiny_cells) == (None, None, None)
