"""The ladder of AutoAttack: which images are attacked, what is kept after a kill, what is said; without the library."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import autoattack_samples as samples
import numpy as np
import pytest
from autoattack_samples import COUNT, DISTANCES, IMAGES, LABELS, WRONG, FakeLibrary, Known

import pixmix
from mixset._common.errors import InputError
from pixmix._common.autoattack import radius_of
from pixmix._evaluators import autoattack, autoattack_library, suites
from pixmix._evaluators.attack_cost import passes
from pixmix._evaluators.sets import Reading

pytestmark = pytest.mark.usefixtures("one_thread")

RADII = ("0.5/255", "2/255", "0.02")
STANDARD = samples.ATTACKS[:4]
NEAREST = DISTANCES[:, :4].min(axis=1)
RIGHT = ~np.isin(np.arange(COUNT), WRONG)


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeLibrary]:
    monkeypatch.setattr(autoattack, "Library", FakeLibrary)
    monkeypatch.setattr(suites, "check_library", lambda: None)
    monkeypatch.setattr(FakeLibrary, "calls", [])
    monkeypatch.setattr(FakeLibrary, "stop_at", None)
    return FakeLibrary


def measure(folder: Path | None = None, *, radii: tuple[str, ...] = RADII, count: int = COUNT, **options: Any) -> dict:
    settings = pixmix.AutoAttackSettings(linf=radii, count=count, **options.pop("settings", {}))
    defaults = {"batch_size": 16, "logits_folder": folder}
    found = pixmix.evaluate(Known(), "autoattack", (IMAGES, LABELS), autoattack=settings, **{**defaults, **options})
    return found["autoattack"]


def test_each_rung_attacks_what_stands_and_errors_are_those_of_the_distances(fake: type[FakeLibrary]) -> None:
    found = measure()
    assert found["clean_error"]["value"] == pytest.approx(len(WRONG) / COUNT)
    for text, epsilon in zip(RADII, (0.5 / 255, 2 / 255, 0.02), strict=True):
        entry = found[f"error_linf_{text}"]
        stands = RIGHT & (epsilon < NEAREST)
        assert entry["value"] == pytest.approx(1 - stands.mean())
        low, high = entry["interval"]
        assert low < entry["value"] < high and entry["n"] == COUNT
        assert entry["epsilon"] == pytest.approx(epsilon) and entry["radius"] == text and entry["norm"] == "linf"
        assert entry["version"] == "standard" and entry["package"].startswith("pyautoattack") and entry["seed"] == 0
    assert sum(found["error_linf_0.02"]["broken_by"].values()) == np.sum(
        RIGHT & (NEAREST > 2 / 255) & (NEAREST <= 0.02)
    )
    for _, epsilon, attack, indices in fake.calls:
        assert not {*WRONG} & {*indices} and len(indices) <= 16
        before = DISTANCES[list(indices), : samples.ATTACKS.index(attack)]
        assert (before > epsilon).all(), "an image that an earlier attack broke is not attacked again"
    seen = Counter((call[1], call[2], index) for call in fake.calls for index in call[3])
    assert max(seen.values()) == 1
    unbroken = np.flatnonzero(RIGHT & (NEAREST > 0.02))
    assert all(seen[0.02, attack, index] for attack in STANDARD for index in unbroken)


def test_a_rung_starts_from_the_survivors_of_the_one_below(fake: type[FakeLibrary]) -> None:
    """An attack that finds less at a larger radius does not bring an image back."""
    measure(radii=("0.01", "0.02"))
    first = {index for call in fake.calls if call[1] == 0.02 and call[2] == "apgd-ce" for index in call[3]}
    assert first == {*np.flatnonzero(RIGHT & (NEAREST > 0.01)).tolist()}


def test_a_killed_ladder_goes_on_after_its_last_batch(tmp_path: Path, fake: type[FakeLibrary]) -> None:
    whole = measure()
    calls = list(fake.calls)
    for stop in range(1, len(calls), 9):
        folder = tmp_path / str(stop)
        fake.calls, fake.stop_at = [], stop
        with pytest.raises(KeyboardInterrupt):
            measure(folder)
        fake.stop_at = None
        assert measure(folder) == whole
        assert fake.calls == calls, "no batch is attacked twice, and none is left out"
        assert measure(folder) == whole and len(fake.calls) == len(calls)


def test_a_ladder_is_continued_upwards_and_begun_anew_for_anything_else(
    tmp_path: Path, fake: type[FakeLibrary]
) -> None:
    measure(tmp_path, radii=RADII[:2])
    fake.calls.clear()
    longer = measure(tmp_path)
    assert {call[1] for call in fake.calls} == {0.02}
    fake.calls.clear()
    shorter = measure(tmp_path, radii=RADII[:2])
    assert not fake.calls and shorter.items() <= longer.items()
    for changed in (
        {"seed": 1},
        {"radii": ("1/255",)},
        {"count": 30},
        {"batch_size": 9},
        {"settings": {"version": "rand"}},
    ):
        fake.calls.clear()
        measure(tmp_path, **changed)
        assert fake.calls, changed


def test_a_damaged_file_is_named_and_begun_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = measure(tmp_path)
    path = tmp_path / "autoattack-linf.npz"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    assert measure(tmp_path) == whole
    assert "autoattack-linf.npz" in capsys.readouterr().err
    np.savez(path, something=np.zeros(3))
    with pytest.raises(InputError, match=r"autoattack-linf\.npz: is of something else"):
        measure(tmp_path)


def test_both_norms_have_ladders_of_their_own(tmp_path: Path, fake: type[FakeLibrary]) -> None:
    found = measure(tmp_path, settings={"l2": ("0.5", "1")}, radii=("2/255",))
    assert [name for name in found if name.startswith("error")] == ["error_linf_2/255", "error_l2_0.5", "error_l2_1"]
    assert {(call[0], round(call[1], 4)) for call in fake.calls} == {("linf", 0.0078), ("l2", 0.5)}  # none stands at 1
    assert {path.name for path in tmp_path.iterdir()} == {"clean.npz", "autoattack-linf.npz", "autoattack-l2.npz"}


def test_a_draw_of_the_images_is_attacked(fake: type[FakeLibrary]) -> None:
    entry = measure(count=20)[f"error_linf_{RADII[0]}"]
    images = autoattack.chosen(COUNT, 20, seed=0)
    assert entry["n"] == 20 and len({*images.tolist()}) == 20 and (np.diff(images) > 0).all()
    assert {index for call in fake.calls for index in call[3]} == {*images.tolist()} - {*WRONG}
    assert not np.array_equal(images, autoattack.chosen(COUNT, 20, seed=1))
    assert np.array_equal(autoattack.chosen(COUNT, 1000, seed=3), np.arange(COUNT))
    shares = np.mean([np.isin(np.arange(COUNT), autoattack.chosen(COUNT, 20, seed=seed)) for seed in range(300)], 0)
    assert shares.min() > 0.2 and shares.max() < 0.47  # each a third


def test_what_the_library_warns_of_is_in_the_result(tmp_path: Path, fake: type[FakeLibrary]) -> None:
    found = measure(tmp_path)[f"error_linf_{RADII[2]}"]
    odd, square = found["warnings"]
    assert odd == "image five is odd"
    assert square.startswith(f"Square, which needs no gradient, broke {found['broken_by']['square']} images")
    assert measure(tmp_path)[f"error_linf_{RADII[2]}"] == found  # kept with the ladder
    assert "warnings" not in measure(radii=("0.0001",), count=2)["error_linf_0.0001"]


def test_the_cost_is_said_before_the_first_attack(
    tmp_path: Path, fake: type[FakeLibrary], capsys: pytest.CaptureFixture[str]
) -> None:
    fake.stop_at = 0
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path, progress=True)
    said = capsys.readouterr().err
    assert f"AutoAttack in linf at 0.5/255, 2/255, 0.02: {COUNT - len(WRONG)} images to attack" in said
    assert "(8,116 forward passes each and radius)" in said  # four targets: 303 + 4 · 303 + 4 · 400 + 5,001
    fake.stop_at = None
    measure(tmp_path, progress=True)
    assert "images under square (linf, 0.02)" in capsys.readouterr().err
    measure(tmp_path, progress=True)
    assert "AutoAttack" not in capsys.readouterr().err, "nothing is left to do"


def test_the_work_of_ten_classes_is_that_of_the_specification() -> None:
    """SUITE's count by hand: 101 forward and backward; nine times that; 1,800 and 900; 5,001 forward."""
    whole = sum(passes(attack, "standard", 10) for attack in autoattack_library.ATTACKS["standard"])
    assert whole == 303 + 9 * 303 + 1800 + 2 * 900 + 5001
    assert passes("apgd-ce", "plus", 10) == 5 * 303 and passes("apgd-ce", "rand", 10) == 20 * 303


@pytest.mark.parametrize(
    ("text", "value"), [("8/255", 8 / 255), ("0.5", 0.5), ("0.5/255", 0.5 / 255), ("1e-3", 0.001), ("1", 1.0)]
)
def test_radii_are_read_as_people_write_them(text: str, value: float) -> None:
    assert radius_of(text, "linf") == value


@pytest.mark.parametrize("text", ["", "x", "0", "-1/255", "2/0", "1/2/3", "nan", "inf", "2", "1/inf", "8/-255"])
def test_other_radii_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"autoattack\.linf: a number above 0 and up to 1 is needed"):
        radius_of(text, "linf")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"linf": ("2/255", "1/255")}, "autoattack.linf: a ladder goes from the smallest"),
        ({"linf": ("2/255", "2/255")}, "autoattack.linf: a ladder goes from the smallest"),
        ({"linf": "2/255"}, "autoattack.linf: texts such as 2/255 are needed"),
        ({"l2": (0.5,)}, "autoattack.l2: texts such as 2/255 are needed"),
        ({"linf": ()}, "autoattack.linf: give a radius"),
        ({"version": "strong"}, "autoattack.version: none named 'strong'; known: standard, plus, rand"),
        ({"count": 0}, "autoattack.count"),
        ({"count": 2.0}, "autoattack.count"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as error:
        pixmix.AutoAttackSettings(**settings)
    assert str(error.value).startswith(line)


def test_what_cannot_be_measured_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="suite autoattack: is measured in float32"):
        measure(precision="bf16")
    with pytest.raises(InputError, match="autoattack: AutoAttackSettings are needed"):
        pixmix.evaluate(Known(), "autoattack", (IMAGES, LABELS), autoattack={"count": 3})
    with pytest.raises(InputError, match="suite autoattack: needs labelled test images"):
        pixmix.evaluate(Known(), "autoattack")
    monkeypatch.setattr(suites, "check_library", autoattack_library.check_library)
    monkeypatch.setattr(autoattack_library, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r'no_such_package is not installed; pip install "pixmix\[attacks\]"'):
        measure()


def test_three_classes_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    network = pixmix.Normalized(pixmix_linear(3), [0.5] * 3, [0.5] * 3)
    with pytest.raises(InputError, match="suite autoattack: a network of 4 classes is needed, it has 3"):
        pixmix.evaluate(network, "autoattack", (IMAGES, LABELS % 3))
    with pytest.raises(InputError, match="suite autoattack: a network of 4 classes is needed, it has 3"):
        suites.check_suites("autoattack", (10, 8, 8), reading=Reading(classes=3))


def pixmix_linear(classes: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(192, classes))
