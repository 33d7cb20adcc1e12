"""The files of finished cells, their keys, and what is refused of them in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evidence_cells import CELLS, Scale, content_of, fits, is_whole
from evidence_results import read_result, read_results, slim, write_result
from evidence_samples import result, site

from mixset._common.errors import InputError
from mixset._common.jsons import write_sealed_json


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = result("pixmix-s1")
    path = write_result(one, tmp_path / "results")
    assert path.name.startswith("pixmix-s1-") and len(path.stem) == len("pixmix-s1-") + 8
    assert read_result(path) == one
    write_result(result("pixmix-s1", content="other"), tmp_path / "results")
    assert len(read_results(tmp_path / "results")) == 2
    assert read_results(tmp_path / "nowhere") == []


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = write_result(result("baseline-s0"), tmp_path)
    path.write_text(path.read_text().replace('"card": "A card"', '"card": "B card"'))
    with pytest.raises(InputError, match=r"baseline-s0-\w+\.json is damaged .*SHA-256.*; take it away, and run"):
        read_result(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.update(schema="pixmix-evidence/0"), "is no result of this release, pixmix-evidence/1"),
        (lambda values: values.pop("card"), "card is not text"),
        (lambda values: values.update(devices="cuda:0"), "devices is not a list of texts"),
        (lambda values: values["key"].pop("dataset"), "key.dataset is not text"),
        (lambda values: values["key"].update(ood=1), "key.ood is not text, or null"),
        (lambda values: values["key"]["sets"].update(fractals=4), "key.sets.fractals is not a count and a content"),
        (lambda values: values["seconds"].pop("measures"), "seconds.measures is not a number"),
        (lambda values: values["versions"].clear(), "versions.torch is not text"),
        (lambda values: values["key"]["recipe"].update(epochs=99), "should be called baseline-s0-"),
        (lambda values: values["seconds"].update(training="long"), "seconds.training is not a number"),
        (lambda values: values["metrics"].update(c=3), "c is not an object"),
        (lambda values: values.update(date="yesterday"), "Invalid isoformat string"),
        (lambda values: values.update(extra=1), "unexpected keyword argument 'extra'"),
        (lambda values: values.update(cell="../x"), "should be called"),
    ],
)
def test_what_is_no_result_is_told_in_a_line(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = write_result(result("baseline-s0"), tmp_path)
    values = json.loads(path.read_text())
    values.pop("sha256")
    change(values)
    write_sealed_json(path, values)
    with pytest.raises(InputError) as caught:
        read_results(tmp_path)
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": "pixmix-evidence/1"}'])
def test_what_is_no_json_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json"):
        read_results(tmp_path)


def test_what_no_table_shows_is_left_out(tmp_path: Path) -> None:
    here = site(tmp_path)
    metrics = {
        "dataset": f"folder:{here.data}",
        "c": {"set": {"made": {"fog": {}}, "seed": 0}, "mce": {"value": 0.5, "interval": [0.4, 0.6]}},
        "calibration": {"reliability": {"count": [1]}, "ece": {"value": 0.1}},
    }
    assert slim(metrics, here) == {
        "dataset": "folder:data",
        "c": {"set": {"seed": 0}, "mce": {"value": 0.5, "interval": [0.4, 0.6]}},
        "calibration": {"ece": {"value": 0.1}},
    }


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, True),
        ({"epochs": 99}, False),
        ({"subset": 100}, False),
        ({"test_subset": 100}, False),
        ({"network": "wrn-16-4"}, False),
        ({"dropout": 0.0}, False),
    ],
)
def test_a_small_cell_is_not_whole(changes: dict[str, Any], whole: bool) -> None:
    assert is_whole(result("pixmix-s0", **changes).key) is whole


def test_a_cell_with_fewer_mixing_images_is_not_whole() -> None:
    key = result("pixmix-s0").key
    key["sets"]["fractals"]["count"] = 200
    assert not is_whole(key)


def test_a_key_fits_what_is_known_of_it() -> None:
    key = result("fractals+fvis-s0").key
    assert fits(key, key)
    unknown = result("fractals+fvis-s0").key
    unknown["sets"]["fvis"]["content"] = None
    assert fits(unknown, key)
    unknown["sets"]["fvis"]["count"] = 5
    assert not fits(unknown, key)
    other = result("fractals+fvis-s0", content="x").key
    assert not fits(other, key)
    assert not fits(result("baseline-s0").key, result("mix-input-s0").key)


def test_every_cell_has_a_key_of_its_own(tmp_path: Path) -> None:
    here = site(tmp_path)
    keys = [json.dumps(here.key(cell), sort_keys=True) for cell in CELLS]
    assert len(set(keys)) == len(CELLS)


def test_a_methods_settings_are_in_its_key_and_no_others(tmp_path: Path) -> None:
    recipes = {cell.name: site(tmp_path, scale=Scale()).key(cell)["recipe"] for cell in CELLS}
    groups = ("mix", "mixup", "cutmix", "iterative", "augmix", "autoaugment", "cutout")
    found = {name: [group for group in groups if group in kept] for name, kept in recipes.items()}
    assert found["baseline-s0"] == []
    assert found["pixmix+cutmix-s0"] == ["mix", "cutmix"]
    assert found["iterative-s0"] == ["mix", "iterative"]
    assert recipes["pixmix-s1"]["seed"] == 1 and recipes["pixmix-s0"]["epochs"] == 100


def test_the_hash_of_a_folder_is_of_names_and_bytes(tmp_path: Path) -> None:
    found = set()
    for index, (name, content) in enumerate([("a/x", b"1"), ("a/y", b"1"), ("a/x", b"2"), ("b/x", b"1")]):
        path = tmp_path / str(index) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        found.add(content_of(tmp_path / str(index)))
    assert len(found) == 4
    twin = tmp_path / "twin" / "a"
    twin.mkdir(parents=True)
    (twin / "x").write_bytes(b"1")
    (twin / ".DS_Store").write_bytes(b"mac")
    assert content_of(twin.parent) in found
