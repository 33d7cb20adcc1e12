"""Code of the user's by its name: where it is looked for, what hides what, how it fails, and other processes."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mixset import InputError
from mixset._common import named


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder of the user's; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named, "_loaded", {})
    named._say.cache_clear()
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}/"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("mine:make", True),
        ("package.mine:make", True),
        ("mine.py:make", True),
        ("../some folder/mine.py:make", True),
        ("pixmix", False),
        ("mine.py", False),
        (":make", False),
        ("mine:", False),
        ("mine:a.b", False),
        ("folder/mine:make", False),
        ("folder:PATH/with/parts", False),
        ("run:runs/a", False),
        ("timm:resnet50.a1_in1k", False),
        ("mine:make\n", False),
        ("", False),
    ],
)
def test_forms(name: str, is_code: bool) -> None:
    assert named.names_code(name) is is_code


def test_a_module_of_the_working_folder_hides_no_other(here: Path) -> None:
    (here / "module_of_mine.py").write_text("value = 'mine'\n")
    (here / "wave.py").write_text("raise AssertionError('hides the standard library')\n")
    before = [*sys.path]
    assert named.find("thing", "module_of_mine:value") == "mine"
    assert named.find("thing", "wave:open") is not None
    assert sys.path == before


def test_a_file_is_told_from_modules_and_files_of_its_name(here: Path) -> None:
    (here / "deeper").mkdir()
    (here / "wave.py").write_text("open = 'mine'\n")
    (here / "deeper" / "wave.py").write_text("from helper import value as open\n")
    (here / "helper.py").write_text("value = 'of the working folder'\n")
    assert named.find("thing", "wave.py:open") == "mine"
    assert named.find("thing", "deeper/wave.py:open") == "of the working folder"
    import wave

    assert callable(wave.open)


def test_a_file_is_run_once_however_it_is_named(here: Path) -> None:
    (here / "mine.py").write_text("value = object()\n")
    assert named.find("thing", "mine.py:value") is named.find("thing", f"{here}/x/../mine.py:value")


def test_one_line_says_once_what_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.py").write_text("value = other = 1\n")
    for _ in range(2):
        named.find("thing", "mine.py:value")
    assert capsys.readouterr().err == f"thing mine.py:value: runs the code in {here / 'mine.py'}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py:value", r"cannot be imported \(No such file or directory\); use module:function or FILE.py"),
        ("absent:value", r"cannot be imported \(No module named 'absent'\)"),
        ("good.py:absent", "cannot be imported .*no attribute 'absent'"),
        ("raising.py:value", r"cannot be imported \(division by zero\)"),
        ("leaving.py:value", r"cannot be imported \(3\)"),
        ("wrong.py:value", "cannot be imported .*invalid syntax"),
        ("good.py", "is not of the form module:function or FILE.py:function"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(here: Path, name: str, message: str) -> None:
    for file, text in {
        "good": "value = 1",
        "raising": "1 / 0",
        "leaving": "raise SystemExit(3)",
        "wrong": "1 +",
    }.items():
        (here / f"{file}.py").write_text(text)
    for _ in range(2):  # a file that failed is not taken for one that was run
        with pytest.raises(InputError, match=f"^thing {re.escape(name)}: {message}") as raised:
            named.find("thing", name)
        assert "\n" not in str(raised.value)


def test_what_fails_says_where(here: Path) -> None:
    (here / "mine.py").write_text("def fail(x):\n    return 1 / x\n")
    fail = named.find("thing", "mine.py:fail")
    assert named.call("thing", "mine.py:fail", fail, 2) == 0.5
    with pytest.raises(InputError, match=r"fails in .*mine\.py, line 2, called with x \(ZeroDivisionError: division"):
        named.call("thing", "mine.py:fail", fail, x=0)
    with pytest.raises(InputError, match=r"fails \(TypeError: .*missing 1 required positional argument"):
        named.call("thing", "mine.py:fail", fail)


def test_a_value_reaches_a_process_that_has_not_heard_of_its_class(here: Path) -> None:
    for name in ("mine", "other"):
        (here / f"{name}.py").write_text("class Thing:\n    pass\n")
    (here / "removed.py").write_text("value = 1\n")
    things = [named.find("thing", name)() for name in ("mine.py:Thing", "other:Thing")]
    named.find("thing", "removed.py:value")
    (here / "removed.py").unlink()  # what a value has nothing to do with is not asked for
    (here / "packed").write_bytes(named.pack(things))
    program = (
        "from pathlib import Path; from mixset._common import named;"
        "print([type(thing).__name__ for thing in named.unpack(Path('packed').read_bytes())])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['Thing', 'Thing']\n"
    assert done.stderr.count("runs the code in") == 2


@pytest.mark.parametrize(
    ("name", "part"),
    [("pixmix+cutmix", "pixmix+cutmix"), ("../a b/mine.py:Thing+cutmix", "..-a-b-mine.py-Thing+cutmix")],
)
def test_names_as_parts_of_file_names(name: str, part: str) -> None:
    assert named.slug(name) == part
