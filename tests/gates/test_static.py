"""Questions about files share one process, and none waits longer than it must for another."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spec2prod.adapters.host import ProcessHost
from spec2prod.application.ports import Gate, command_of, in_one_process
from spec2prod.domain.command import Command
from spec2prod.domain.component import Component
from spec2prod.domain.verdict import Measurement, Unanswered
from spec2prod.gates import reading
from spec2prod.gates.complexity import ComplexityGate
from spec2prod.gates.documentation import DocumentationGate
from spec2prod.gates.linting import LintingGate
from spec2prod.gates.security import SecurityGate
from spec2prod.gates.vulnerabilities import VulnerabilitiesGate

if TYPE_CHECKING:
    from tests.gates.conftest import Ask, Make

OURS = Path(sys.executable)
WORD = "hunter" + "2-staple-battery"
TANGLED = "def tangled(x):\n    " + "\n    ".join(f"if x == {n}:\n        return {n}" for n in range(12)) + "\n    return x\n"
SPOKEN = '''"""A module."""


class Shown:
    """A class."""

    def said(self):
        """Say."""

    def silent(self):
        pass

    def _private(self):
        pass


def _hidden():
    pass
'''


def test_one_process_answers_every_question_as_it_answers_each_alone(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/__init__.py": "", "src/pkg/one.py": SPOKEN + TANGLED, "tests/test_one.py": "", "README.md": "# It\n"})
    gates: tuple[Gate, ...] = (SecurityGate(interpreter=OURS), DocumentationGate(interpreter=OURS), ComplexityGate(interpreter=OURS))
    (group,) = in_one_process(gates)
    host = ProcessHost()
    completed = asyncio.run(host.run(command_of(group, component)))
    assert [each.command.tool for each in host.processes] == ["static checks"]
    assert [gate.read(component, completed) for gate in gates] == [ask(gate, component)[0] for gate in gates]


def test_a_changed_file_is_looked_at_and_its_neighbours_are_not(make: Make, ask: Ask, tmp_path: Path) -> None:
    files = {"src/pkg/one.py": "import pickle\n" + TANGLED, "src/pkg/two.py": "key = '" + WORD + "'\n", "README.md": "# It\n"}
    component = make(files)
    kinds = (SecurityGate, ComplexityGate, DocumentationGate)
    asked = []
    for text in ("", "", "def three(x):\n    return x or eval(x)\n", "", "def broken("):
        (component.root / "src/pkg/two.py").write_text(files["src/pkg/two.py"] + text)
        gates: list[Gate] = [kind(interpreter=OURS, kept=tmp_path / "cache" / "kept.sqlite") for kind in kinds]
        command = command_of(gates, component)
        listing = (command.argv[0], "-X", "importtime", *command.argv[1:])
        completed = asyncio.run(ProcessHost().run(dataclasses.replace(command, argv=listing)))
        read = set(re.findall(r"^import time: .*\| +(\S+)$", completed.stderr, re.MULTILINE))
        asked.append([name in read for name in ("bandit.core.manager", "lizard_languages.erlang", "detect_secrets.core.scan")])
        alone: list[Gate] = [kind(interpreter=OURS) for kind in kinds]
        assert [gate.read(component, completed) for gate in gates] == [ask(gate, component)[0] for gate in alone]
    assert asked == [[True] * 3, [False] * 3, [True] * 3, [False] * 3, [True] * 3]


def test_what_the_questions_do_not_need_is_not_read(make: Make) -> None:
    component = make({"src/pkg/one.py": "import pickle\n" + TANGLED})
    command = command_of([SecurityGate(interpreter=OURS), ComplexityGate(interpreter=OURS)], component)
    listing = (command.argv[0], "-X", "importtime", *command.argv[1:])
    completed = asyncio.run(ProcessHost().run(dataclasses.replace(command, argv=listing)))
    read = set(re.findall(r"^import time: .*\| +(\S+)$", completed.stderr, re.MULTILINE))
    assert {"bandit.core.manager", "lizard_languages.erlang", "detect_secrets.core.scan"} <= read
    assert not read & {"rich.console", "pygments.plugin", "pygments.lexers._mapping"}
    (answer,) = SecurityGate(interpreter=OURS).read(component, completed)
    assert isinstance(answer, Measurement)
    assert [each.code for each in answer.findings] == ["B403"]


def test_a_module_that_was_left_unread_is_the_real_one_for_whoever_touches_it(make: Make) -> None:
    touching = (
        "from static_unread import leave_unread; leave_unread('rich.progress', 'pygments.lexers');"
        "import sys; read = 'rich.console' in sys.modules;"
        "from rich import progress; from pygments.lexers import get_lexer_by_name as get;"
        "print(read, progress.track.__module__, get('erlang').name)"
    )
    words = (str(OURS), "-c", touching)
    command = Command(tool="touching", argv=words, cwd=make({}).root, env={"PYTHONPATH": str(reading.WORKERS)})
    assert asyncio.run(ProcessHost().run(command)).stdout.split() == ["False", "rich.progress", "Erlang"]


def test_gates_of_another_house_keep_their_own_process() -> None:
    linter = LintingGate(program=("ruff",))
    security, complexity = SecurityGate(interpreter=OURS), ComplexityGate(interpreter=OURS)
    assert in_one_process([security, linter, complexity]) == ((security, complexity), (linter,))


def test_a_service_that_never_answers_holds_nothing_up_longer_than_its_patience(make: Make, tmp_path: Path) -> None:
    package = tmp_path / "environment" / "six-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: six\nVersion: 1.0\n")
    component = make({"src/pkg/one.py": ""})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        audit = VulnerabilitiesGate(
            interpreter=OURS, site_packages=(str(package.parent),), env={"HTTPS_PROXY": address, "HTTP_PROXY": address}, patience_s=1.5
        )
        security = SecurityGate(interpreter=OURS)
        completed = asyncio.run(ProcessHost(grace_s=0.5).run(command_of([security, audit], component)))
    (secrets,), (vulnerabilities,) = security.read(component, completed), audit.read(component, completed)
    assert isinstance(secrets, Measurement)
    assert isinstance(vulnerabilities, Unanswered)
    assert vulnerabilities.reason == "could not be audited: no answer within 1.5 s"


def test_documentation_counts_public_names_and_tells_where_nothing_is_said(make: Make, ask: Ask) -> None:
    private = {"src/pkg/__init__.py": "", "src/pkg/_inner.py": "def f():\n    pass\n"}
    component = make({**private, "src/pkg/one.py": SPOKEN, "tests/test_one.py": ""})
    (answer,), _ = ask(DocumentationGate(interpreter=OURS), component)
    assert isinstance(answer, Measurement)
    assert answer.values == {"percent": 75.0, "readme": 0.0}
    assert [(each.address, each.message) for each in answer.findings] == [("src/pkg/one.py:10", "Shown.silent has no docstring")]
    assert answer.summary == "3 of 4 public names documented, no README"


def readme(ask: Ask, component: Component) -> float:
    (answer,), _ = ask(DocumentationGate(interpreter=OURS), component)
    assert isinstance(answer, Measurement)
    return answer.values["readme"]


def test_an_empty_readme_is_none_and_one_beside_the_package_is_one(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/one.py": SPOKEN, "README.md": ""})
    assert readme(ask, component) == 0.0
    (component.root / "src/pkg/readme.rst").write_text("It\n")
    assert readme(ask, component) == 1.0


def test_code_that_cannot_be_parsed_is_no_answer(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/one.py": "def (:\n"})
    for gate in (DocumentationGate(interpreter=OURS), ComplexityGate(interpreter=OURS)):
        (answer,), _ = ask(gate, component)
        assert isinstance(answer, Unanswered)
        assert answer.reason.startswith("the modules could not be read: SyntaxError")


def test_nothing_public_and_no_module_are_no_answers(make: Make, ask: Ask) -> None:
    component = make({"src/pkg/_inner.py": "def f():\n    pass\n"})
    (answer,), _ = ask(DocumentationGate(interpreter=OURS), component)
    assert isinstance(answer, Unanswered)
    assert "no public name" in answer.reason
    (answer,), _ = ask(ComplexityGate(interpreter=OURS), dataclasses.replace(component, modules=()))
    assert isinstance(answer, Unanswered)
    assert answer.reason == "no module was looked at"


def test_complexity_is_the_most_tangled_functions_with_its_address(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(ComplexityGate(interpreter=OURS), make({"src/pkg/a.py": "X = 1\n", "src/pkg/one.py": "X = 1\n\n\n" + TANGLED}))
    assert isinstance(answer, Measurement)
    assert (answer.values, answer.checked) == ({"complexity": 13.0}, 2)
    assert [(each.address, each.message) for each in answer.findings] == [("src/pkg/one.py:4", "tangled has 13 ways")]
    assert [each.figure for each in answer.findings] == [13.0]
    assert answer.summary == "at most 13 ways through a function, in src/pkg/one.py:4 tangled"


def test_code_without_functions_counts_one_way(make: Make, ask: Ask) -> None:
    (answer,), _ = ask(ComplexityGate(interpreter=OURS), make({"src/pkg/a.py": "X = 1\n"}))
    assert isinstance(answer, Measurement)
    assert answer.values == {"complexity": 1.0}
    assert answer.summary == "at most 1 way through a function"
