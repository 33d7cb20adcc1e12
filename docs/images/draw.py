"""Draw docs/images/fractals.jpg, families.jpg, programs.jpg and waves.jpg: the first images of seed 0, none chosen.

python docs/images/draw.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mixset.generate._job.families import FAMILIES, load

HERE = Path(__file__).parent
DRAWN = ("deadleaves", "spectrum", "julia", "plasma")
SIDE, GAP = 160, 8


def images(family: str, count: int, **fields: str) -> list[Image.Image]:
    """The first images of a family's recipe, half as large as they are drawn."""
    recipe = load(FAMILIES[family].recipe)(count=count, size=2 * SIDE, **fields)
    drawn = load(FAMILIES[family].render)(recipe, range(count))
    return [Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX) for image, _, _ in drawn]


def page(rows: list[list[Image.Image]]) -> Image.Image:
    """Rows of equally many tiles on white."""
    step = SIDE + GAP
    out = Image.new("RGB", (step * len(rows[0]) - GAP, step * len(rows) - GAP), "white")
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            out.paste(tile, (step * x, step * y))
    return out


def main() -> None:
    fractals = images("fractals", 32)
    page([fractals[start : start + 8] for start in range(0, 32, 8)]).save(HERE / "fractals.jpg", quality=82)
    page([images(family, 8) for family in DRAWN]).save(HERE / "families.jpg", quality=82)
    programs = images("programs", 24)
    page([programs[start : start + 8] for start in range(0, 24, 8)]).save(HERE / "programs.jpg", quality=82)
    rows = [images("moire", 8), images("visualatom", 8), images("fractals", 8, style="attractors")]
    rows += [images("moire", 8, style="classic"), images("visualatom", 8, style="classic")]
    page(rows).save(HERE / "waves.jpg", quality=82)


if __name__ == "__main__":
    main()
