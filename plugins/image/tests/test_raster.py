"""Rasteriser and outlines against areas that are known, and against an even-odd oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kshot_image.glyphs.jitter import poses, thickened
from kshot_image.glyphs.letters import fitted, inside_out
from kshot_image.glyphs.outlines import FACES, Outlines, characters, outlines
from kshot_image.glyphs.raster import coverage


def polygons(*glyphs: list[list[tuple[float, float]]]) -> Outlines:
    """Glyphs given as lists of contours."""
    points, following, numbers = [], [], []
    for number, contours in enumerate(glyphs):
        for contour in contours:
            first = len(points)
            points += contour
            following += [first + (i + 1) % len(contour) for i in range(len(contour))]
            numbers += [number] * len(contour)
    return Outlines(np.array(points, dtype=float), np.array(following), np.array(numbers), len(glyphs))


def box(left: float, low: float, right: float, high: float) -> list[tuple[float, float]]:
    """Clockwise, so that the inside is ink."""
    return [(left, low), (left, high), (right, high), (right, low)]


def test_a_box_covers_its_area() -> None:
    ink = coverage(polygons([box(1.25, 1, 3, 2.5)]), 4, 4)[0]
    expected = np.zeros((4, 4))
    expected[2, 1:3] = [0.75, 1]  # y from 1 to 2: the third row from the top
    expected[1, 1:3] = [0.375, 0.5]
    np.testing.assert_allclose(ink, expected, atol=1e-12)


def test_holes_overlaps_and_what_lies_outside() -> None:
    hole = box(1, 1, 3, 3)[::-1]
    ring, both, cut, anti = coverage(
        polygons(
            [box(0, 0, 4, 4), hole],
            [box(0, 0, 3, 3), box(1, 1, 4, 4)],
            [box(-5, -5, 2, 2), box(3, 3, 9, 9)],
            [hole],
        ),
        4,
        4,
    )
    assert ring.sum() == 12
    assert ring[1:3, 1:3].sum() == 0
    assert both.max() == 1
    assert both.sum() == 9 + 9 - 4
    assert cut.sum() == 4 + 1
    assert anti.sum() == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 8), st.floats(0, 8)), min_size=3, max_size=3))
def test_triangles_cover_their_area(corners: list[tuple[float, float]]) -> None:
    (ax, ay), (bx, by), (cx, cy) = corners
    area = ((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    clockwise = corners if area < 0 else corners[::-1]
    ink = coverage(polygons([clockwise]), 8, 8)[0]
    assert ink.min() >= 0
    assert ink.max() <= 1
    assert abs(ink.sum() - abs(area)) < 1.0  # scan lines a quarter pixel apart


def test_glyphs_of_a_batch_do_not_touch_each_other() -> None:
    first, second = [box(0, 0, 2, 3)], [box(-1, 1, 9, 2), box(1, 3, 2, 4)]
    together = coverage(polygons(first, second), 5, 5)
    np.testing.assert_array_equal(together[0], coverage(polygons(first), 5, 5)[0])
    np.testing.assert_array_equal(together[1], coverage(polygons(second), 5, 5)[0])


def test_thickening_moves_every_edge_by_the_same_distance() -> None:
    hole = box(4, 4, 8, 8)[::-1]
    glyphs = polygons([box(2, 2, 10, 10), hole], [box(2, 2, 10, 10)])
    moved = thickened(glyphs, np.array([0.5, -1.0]))
    np.testing.assert_allclose(moved.points[:4], box(1.5, 1.5, 10.5, 10.5))
    np.testing.assert_allclose(moved.points[4:8], box(4.5, 4.5, 7.5, 7.5)[::-1])
    np.testing.assert_allclose(moved.points[8:], box(3, 3, 9, 9))


def test_a_sharp_corner_stays_near() -> None:
    spike = [(0.0, 0.0), (100.0, 1.0), (100.0, -1.0)]
    moved = thickened(polygons([spike]), np.array([1.0])).points
    assert np.abs(moved - np.array(spike)).max() <= 2.0 + 1e-9


def test_fitted_centres_and_scales_the_longer_side() -> None:
    points = fitted(polygons([box(100, 0, 104, 2)], [box(0, 0, 3, 30)]), 10).points
    np.testing.assert_allclose(points[:4], box(-5, -2.5, 5, 2.5))
    np.testing.assert_allclose(points[4:], box(-0.5, -5, 0.5, 5))


def test_a_pose_without_randomness_is_upright_and_turns_keep_lengths() -> None:
    np.testing.assert_array_equal(poses(np.zeros((1, 8))), [[1, 0, 0, 1]])
    turn = np.zeros((1, 8))
    turn[0, 0] = 1
    a, b, c, d = poses(turn)[0]
    np.testing.assert_allclose([a * d - b * c, a * a + c * c, b * b + d * d], 1)


def test_contours_that_run_backwards_are_found() -> None:
    good, bad = [box(0, 0, 9, 9)], [box(0, 0, 9, 9), box(20, 0, 25, 9)[::-1]]
    assert inside_out(polygons(good, bad)).tolist() == [False, True]
    mono = outlines("DejaVuSansMono-Oblique", [ord("A"), ord("ε")])
    assert inside_out(mono).tolist() == [False, True]


def test_outlines_are_the_fonts_own() -> None:
    """The letter l of DejaVu Sans is a bar; O is two ovals of which one is the hole."""
    assert len(FACES) == len(set(FACES)) == 12
    assert {ord("l"), ord("O"), 0x531} <= characters("DejaVuSans")
    glyphs = outlines("DejaVuSans", [ord("l"), ord("O")])
    bar = glyphs.points[glyphs.glyph == 0]
    np.testing.assert_array_equal(np.sort(bar, axis=0), [[193, 0], [193, 0], [377, 1556], [377, 1556]])
    ink = coverage(outlines_in(glyphs, 16), 16, 16)[1]
    assert ink[8, 8] == 0
    assert ink[8, 1] > 0.5
    assert ink[1, 8] > 0.5


def outlines_in(glyphs: Outlines, size: int) -> Outlines:
    placed = fitted(glyphs, size)
    return Outlines(placed.points + size / 2, placed.following, placed.glyph, placed.count)
