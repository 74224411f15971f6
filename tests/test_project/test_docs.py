"""Every code block in the documentation runs, parses, or names commands and flags that exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Known to every reader's machine; what they do is not ours to check.
OTHERS_PROGRAMS = {"cat", "cd", "cp", "export", "git", "jq", "ls", "mkdir", "pip", "psql", "unset"}
FREE_TEXT = {"text", "mermaid", "markdown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block; `where` is `file:line`, `info` what stands behind the fence ("python no-run")."""

    where: str
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for token in MarkdownIt().parse(page.read_text()):
            if token.type == "fence":
                line = token.map[0] + 1 if token.map else 0
                yield Block(where=f"{page.relative_to(ROOT)}:{line}", info=token.info.strip(), text=token.content)


def only(language: str) -> pytest.MarkDecorator:
    found = [block for block in blocks() if block.language == language]
    return pytest.mark.parametrize("block", found, ids=[block.where for block in found])


def simple_commands(text: str) -> Iterator[list[str]]:
    """Give each command of a shell block as words, without what only surrounds it."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("|&;"):
                words.append(word)
            elif words:
                yield stripped(words)
                words = []


def stripped(words: list[str]) -> list[str]:
    while words and (words[0] == "time" or re.match(r"[A-Z_0-9]+=", words[0])):
        words = words[1:]
    return words[2:] if words[:2] == ["uv", "run"] else words


@cache
def help_of(*argv: str) -> str:
    done = subprocess.run([*argv, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)} --help: {done.stderr}"
    return done.stdout


def check_flags(program: tuple[str, ...], arguments: list[str]) -> None:
    known = help_of(*program)
    for flag in (word.partition("=")[0] for word in arguments if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", known), f"{' '.join(program[-2:])} has no {flag}"


def check_spec2prod(arguments: list[str]) -> None:
    words = []
    for word in arguments:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        words.append(word)
    check_flags((sys.executable, "-m", "spec2prod", *words), arguments[len(words) :])


def check_python(arguments: list[str]) -> None:
    named = 2 if arguments[0] == "-m" else 1
    assert named == 2 or (ROOT / arguments[0]).is_file(), f"there is no {arguments[0]}"
    program, rest = (sys.executable, *arguments[:named]), arguments[named:]
    inner = rest.index("--") if "--" in rest else len(rest)
    check_flags(program, rest[:inner])
    if rest[inner + 1 :]:
        check_command(rest[inner + 1 :])


def check_make(arguments: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {word for word in arguments if "=" not in word} <= targets


def check_pytest(arguments: list[str]) -> None:
    for path in (word for word in arguments if not word.startswith("-")):
        assert (ROOT / path).exists(), f"there is no {path}"


def check_bash(arguments: list[str]) -> None:
    assert (ROOT / arguments[0]).is_file()


OWN_PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "bash": check_bash,
    "make": check_make,
    "pytest": check_pytest,
    "python": check_python,
    "spec2prod": check_spec2prod,
}


def check_command(words: list[str]) -> None:
    if words and words[0] not in OTHERS_PROGRAMS:
        assert words[0] in OWN_PROGRAMS, f"no check for {words[0]}: add one, or leave it out of the documentation"
        OWN_PROGRAMS[words[0]](words[1:])


def test_every_block_says_its_language() -> None:
    known = FREE_TEXT | {"bash", "json", "python", "sql", "toml"}
    assert {block.where: block.info for block in blocks() if block.language not in known} == {}


@only("bash")
def test_commands_and_their_flags_exist(block: Block) -> None:
    commands = list(simple_commands(block.text))
    assert commands
    for words in commands:
        check_command(words)


@only("json")
def test_json_parses(block: Block) -> None:
    assert json.loads(block.text)


@only("toml")
def test_toml_parses(block: Block) -> None:
    assert tomllib.loads(block.text)


@only("python")
def test_python_runs_from_a_project_with_the_calculator(block: Block, tmp_path: Path) -> None:
    code = compile(block.text, block.where, "exec", dont_inherit=True)
    assert code.co_code
    if "no-run" in block.info.split():  # it needs what a test must not have, such as a model's key
        return
    for name in ("scripts", "specs", "src/test_components"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
    done = subprocess.run([sys.executable, "-c", block.text], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = [
        str(child.attrs["href"]).partition("#")[0]
        for token in MarkdownIt().parse(page.read_text())
        for child in token.children or ()
        if child.type == "link_open"
    ]
    assert [target for target in targets if target and "://" not in target and not (page.parent / target).exists()] == []
