"""The questions that can be put to a component, as values, with one sentence each; help and docs are made from this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: its name, the gates that its answer serves, the figures that rules may speak about, a sentence.

    `tool` says who answers, `fix` what to do about a "no"; `service` names the network service that is asked, if one is.
    """

    name: str
    measures: tuple[str, ...]
    values: tuple[str, ...]
    sentence: str
    tool: str = ""
    fix: str = ""
    service: str = ""


CATALOGUE = (
    Question(
        name="tests",
        measures=("test_pass_rate", "test_coverage"),
        values=("percent",),
        sentence="Do the component's tests pass, and which share of its lines do they execute? One pytest run answers both.",
        tool="pytest and coverage.py, in the component's own interpreter",
        fix="Mend the tests or the code. For coverage, test the lines that the report lists, or let an agent: --enable-openhands.",
    ),
    Question(
        name="flaky_tests",
        measures=("flaky_tests",),
        values=("flaky",),
        sentence="Is a red test green when it is run again, alone and in its order? Then it is flaky, and set aside in the pass rate.",
        tool="pytest again, only where something is red",
        fix="Take out what differs from run to run: time, order, chance, the network, what other tests leave behind.",
    ),
    Question(
        name="requirements",
        measures=("requirements",),
        values=("p0_percent", "p1_percent", "percent"),
        sentence="Which share of the specification's requirements is traced to a passing test that names it? "
        "Asked where the specification states IDs or priorities, or a test carries a marker.",
        tool="the markers of the tests, in the run that answers the tests",
        fix='Mark the test that shows a requirement: @pytest.mark.requirement("REQ-1"). `spec2prod trace` prints the matrix.',
    ),
    Question(
        name="suspected_defects",
        measures=("suspected_defects",),
        values=("open",),
        sentence="Has a proposed test that a requirement asks for shown that the code may be wrong, and has nobody said yet what it is? "
        "That none is open says that nobody has shown one.",
        tool="the record in the database, which every run and every generator adds to",
        fix="`spec2prod defects show ID` tells what contradicts what. Mend the code, or say that the test or the requirement is wrong: "
        "`spec2prod defects dispose ID`.",
    ),
    Question(
        name="performance",
        measures=("performance",),
        values=("response_ms", "memory_mb", "slower_percent"),
        sentence="How long does a call take, how much memory do the tests need, and is it slower than in the last promoted run?",
        tool="pytest-benchmark in the component's environment, in the run that answers the tests; not asked without benchmarks",
        fix="Profile the benchmark that the report names.",
    ),
    Question(
        name="linting",
        measures=("linting",),
        values=("issues",),
        sentence="Does ruff, under the project's own configuration, find nothing to complain about in modules and tests?",
        tool="ruff: the component's environment's own, else ours",
        fix="What ruff mends safely a run mends itself, and shows; the rest by hand, or configure [tool.ruff].",
    ),
    Question(
        name="type_checking",
        measures=("type_checking",),
        values=("errors",),
        sentence="Do the modules' types hold, by the checker that the project configures, else by basedpyright in standard mode?",
        tool="pyright, basedpyright, mypy or ty",
        fix="Correct the types at the lines that the report lists; `type_checker` chooses another checker.",
    ),
    Question(
        name="security",
        measures=("security",),
        values=("critical", "high", "medium", "low"),
        sentence="Are there secrets in the component's files, or code that invites attack? detect-secrets and bandit answer.",
        tool="detect-secrets and bandit, ours",
        fix="Take the secret out and make it invalid: it has been seen. "
        "A false alarm is marked where it stands: # pragma: allowlist secret, # nosec.",
    ),
    Question(
        name="vulnerabilities",
        measures=("vulnerabilities",),
        values=("vulnerabilities",),
        sentence="Does the component's environment hold packages with known vulnerabilities? pip-audit asks a public service.",
        tool="pip-audit, ours",
        fix="Upgrade the packages that the report names, in the component's environment.",
        service="a public database of vulnerabilities, over the network",
    ),
    Question(
        name="documentation",
        measures=("documentation",),
        values=("percent", "readme"),
        sentence="Which share of the public modules, classes, functions and methods has a docstring, and is there a README?",
        tool="the standard library's parser, in the process of the security scan",
        fix="Write the docstrings at the lines that the report lists; what begins with _ needs none.",
    ),
    Question(
        name="complexity",
        measures=("complexity",),
        values=("complexity",),
        sentence="How many ways lead through the most tangled function (McCabe's cyclomatic complexity)? Lizard counts.",
        tool="lizard, ours, in the process of the security scan",
        fix="Take the function apart at the branches that belong together.",
    ),
)
