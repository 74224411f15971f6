"""What may stand in `[tool.spec2prod]`: every setting once, with its type, its bounds, its default and its sentence.

The published JSON Schema, `spec2prod config show` and the page of settings are made from these models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Form:
    """A text's form: a pattern for the published schema, and words for whoever wrote something else."""

    pattern: str
    told: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read a text as ever, and in another form refuse it in our words."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        """Publish the pattern."""
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, text: str) -> str:
        if re.search(self.pattern.replace("$", r"\Z"), text) is None:  # `$` would take a newline at the end
            raise PydanticCustomError("form", self.told)
        return text


type Percent = Annotated[float, Field(ge=0, le=100)]
type Count = Annotated[float, Field(ge=0)]
type Seconds = Annotated[float, Field(gt=0, le=86_400)]
type Name = Annotated[str, Field(min_length=1)]
type Sentence = Annotated[str, Form(r"\S", "must not be empty")]
type Url = Annotated[str, Form(r"^https?://\S+$", "must be http://… or https://…, without spaces")]
type DatabaseUrl = Annotated[
    str, Form(r"^((postgresql|postgres)://\S+|sqlite:///.+|none)$", "must be postgresql://…, sqlite:///PATH, or none for nowhere")
]
type Variable = Annotated[str, Form(r"^[A-Za-z_][A-Za-z0-9_]*$", "must be the name of a variable: letters, digits and underscores")]
type Names = Annotated[tuple[Name, ...], Field(strict=False)]  # TOML has lists, not tuples

_REQUIRED = 'whether its "no" stops the promotion; an optional gate warns'
_WAIVABLE = 'whether its "no" may be waived; unless stated, an optional gate\'s may, except those of security and suspected_defects'


class Part(BaseModel):
    """A table of settings: nothing unknown in it, nothing read as what it is not (`"300"` is no number)."""

    # Only what is asked to read something is built: a run asks `Table` alone, which holds all the others.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Return itself: pydantic copies each default, over and over, and nothing can be changed in one."""
        return self


class ComponentTable(Part):
    """`[tool.spec2prod.components.<name>]`: where a component lies, if its name does not tell."""

    path: Name = Field(description="its folder or file, relative to the project")
    tests: Names = Field(default=(), description="its test files, or folders of them; found by convention unless stated")
    specification: Name | None = Field(default=None, description="its markdown specification")
    needs: Names = Field(default=(), description="components that are promoted before it, when several are run (`spec2prod run --all`)")
    labels: Names = Field(default=(), description="labels that a fleet's worker must have to run it, such as gpu")


class GateRule(Part):
    """What every gate's rule has."""

    asked: bool | None = Field(
        default=None, description="whether it is asked at all; only an optional gate can be left out, and every report says so"
    )
    required: bool | None = Field(default=None, description=_REQUIRED)
    waivable: bool | None = Field(default=None, description=_WAIVABLE)


class PercentRule(GateRule):
    """A rule on a share: at least."""

    percent: Percent | None = Field(default=None, description="at least, in percent")


class IssuesRule(GateRule):
    """A rule on the linter's issues: at most."""

    issues: Count | None = Field(default=None, description="issues at most")


class ErrorsRule(GateRule):
    """A rule on the type checker's errors: at most."""

    errors: Count | None = Field(default=None, description="errors at most")


class FindingsRule(GateRule):
    """A rule on findings by severity: at most."""

    critical: Count | None = Field(default=None, description="critical findings at most; every secret is one")
    high: Count | None = Field(default=None, description="high findings at most")
    medium: Count | None = Field(default=None, description="medium findings at most")
    low: Count | None = Field(default=None, description="low findings at most; unless stated, they are not counted")


class VulnerabilitiesRule(GateRule):
    """A rule on the known vulnerabilities of the environment's packages; the service gives them no severity."""

    vulnerabilities: Count | None = Field(default=None, description="known vulnerabilities at most")


class FlakyRule(GateRule):
    """A rule on red tests that are green when they are run again: at most."""

    flaky: Count | None = Field(default=None, description="flaky tests at most")


class PerformanceRule(GateRule):
    """A rule on the component's benchmarks, and on the memory of its tests: at most."""

    response_ms: Count | None = Field(default=None, description="the slowest benchmark's median at most, in milliseconds per call")
    memory_mb: Count | None = Field(default=None, description="peak memory of the test process at most, in MiB")
    slower_percent: Count | None = Field(default=None, description="slower than in the last promoted run at most, in percent")


class DocumentationRule(GateRule):
    """A rule on docstrings and README: at least."""

    percent: Percent | None = Field(default=None, description="public names with a docstring at least, in percent")
    readme: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="1 where a README is needed, 0 where none is")


class ComplexityRule(GateRule):
    """A rule on the most tangled function: at most."""

    complexity: Count | None = Field(default=None, description="cyclomatic complexity of a function at most")


class RequirementsRule(GateRule):
    """A rule on the share of the specification's requirements that are traced to passing tests: at least."""

    p0_percent: Percent | None = Field(default=None, description="of priority P0 at least, in percent")
    p1_percent: Percent | None = Field(default=None, description="of priority P1 at least, in percent")
    percent: Percent | None = Field(default=None, description="of all at least, in percent")


class DefectsRule(GateRule):
    """A rule on suspected defects that nobody has disposed of: at most."""

    open: Count | None = Field(default=None, description="suspected defects at most that nobody has disposed of")


class OwnRule(GateRule):
    """A rule on a gate of the project's own: its figure, at most (at least where the gate says that more is better)."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, float] = Field(init=False)


class GateTable(Part):
    """`[tool.spec2prod.gates.<name>]`: a gate of the project's own, a command and the form of its answer."""

    command: Annotated[Names, Field(min_length=1)] = Field(
        description="what is started in the project's root, a list of words; `{modules}`, `{tests}`, `{source}`, `{python}` and "
        "`{answer}` are filled in"
    )
    format: Literal["junit", "sarif", "json", "exit-code"] = Field(description="the form of the answer")
    path: Name | None = Field(default=None, description="where a JSON answer holds the figure: `totals.percent`, or a JSON Pointer")
    checked: Name | None = Field(default=None, description="where a JSON answer counts what was looked at; 0 there is no answer")
    figure: Name | None = Field(default=None, description="the figure's name; unless stated `failures`, or `issues` of SARIF")
    better: Literal["lower", "higher"] = Field(default="lower", description="whether the figure should be low or high")
    stage: Literal["testing", "refactoring"] = Field(default="refactoring", description="the stage in which it is asked")
    reads_tests: bool = Field(default=True, description="whether a change of the tests asks it again")
    reads: Names | None = Field(
        default=None,
        description="the project's files that its answer depends on, as globs; unless stated, all of them: any change asks again",
    )
    cache: bool = Field(default=True, description="whether its answer counts again while nothing that it reads has changed")
    exit_codes: Annotated[tuple[int, ...], Field(strict=False)] = Field(
        default=(0, 1), description="the exit codes of an answer; any other one is a crash (not for `exit-code`)"
    )
    timeout_seconds: Seconds = Field(default=300.0, description="its time limit, in seconds")

    @property
    def figure_name(self) -> str:
        """Return the figure that rules speak about."""
        return self.figure or {"sarif": "issues"}.get(self.format, "failures")


class TargetRules(Part):
    """`[tool.spec2prod.rules.<target>.<gate>]`: what is given replaces the default of that figure."""

    model_config = ConfigDict(extra="allow")  # the project's own gates, whose names `Table` checks

    __pydantic_extra__: dict[str, OwnRule] = Field(init=False)

    test_pass_rate: PercentRule = PercentRule.model_construct()
    test_coverage: PercentRule = PercentRule.model_construct()
    linting: IssuesRule = IssuesRule.model_construct()
    type_checking: ErrorsRule = ErrorsRule.model_construct()
    security: FindingsRule = FindingsRule.model_construct()
    vulnerabilities: VulnerabilitiesRule = VulnerabilitiesRule.model_construct()
    flaky_tests: FlakyRule = FlakyRule.model_construct()
    performance: PerformanceRule = PerformanceRule.model_construct()
    documentation: DocumentationRule = DocumentationRule.model_construct()
    complexity: ComplexityRule = ComplexityRule.model_construct()
    requirements: RequirementsRule = RequirementsRule.model_construct()
    suspected_defects: DefectsRule = DefectsRule.model_construct()

    @property
    def own(self) -> dict[str, OwnRule]:
        """Return the rules on gates of the project's own."""
        return self.__pydantic_extra__ or {}


class RulesTable(Part):
    """`[tool.spec2prod.rules]`: rules per target; a longer climb keeps what the shorter ones ask."""

    development: TargetRules = TargetRules.model_construct()
    staging: TargetRules = TargetRules.model_construct()
    production: TargetRules = TargetRules.model_construct()


class WaiverTable(Part):
    """`[[tool.spec2prod.waivers]]`: a "no" that somebody takes the responsibility for, always shown."""

    gate: Name = Field(description='the gate whose "no" is waived; it must be waivable at every target of the climb')
    reason: Sentence = Field(description="why")
    approver: Sentence = Field(description="who answers for it")
    expires: date = Field(description="the last day (UTC) on which it holds, as a TOML date: 2027-01-31")
    component: Name | None = Field(default=None, description="the one component that it is for; every one unless stated")


class FallbackTable(Part):
    """`[[tool.spec2prod.openhands.fallbacks]]`: a model that a task goes on with where the one before it fails for good."""

    model: Name = Field(description="the model, in litellm's form `provider/name`")
    base_url: Url | None = Field(default=None, description="its OpenAI-compatible endpoint")
    api_key_env: Variable = Field(default="LLM_API_KEY", description="the variable that holds its key")
    input_cost_per_token: Count | None = Field(default=None, description="US dollars per input token, for models without a listed price")
    output_cost_per_token: Count | None = Field(default=None, description="US dollars per output token")


class OpenHandsTable(Part):
    """`[tool.spec2prod.openhands]`: the model that writes tests, and the limits of its tasks. A key is never a setting."""

    model: Name | None = Field(default=None, description="the model, in litellm's form `provider/name`; LLM_MODEL wins")
    base_url: Url | None = Field(default=None, description="the model's OpenAI-compatible endpoint; LLM_BASE_URL wins")
    api_key_env: Variable = Field(default="LLM_API_KEY", description="the variable that holds the model's key")
    server_url: Url | None = Field(default=None, description="a running agent server, instead of one that the run starts")
    server_key_env: Variable | None = Field(default=None, description="the variable that holds that server's key")
    max_output_tokens: Annotated[int, Field(gt=0)] = Field(default=4096, description="tokens of one answer of the model at most")
    input_cost_per_token: Count | None = Field(default=None, description="US dollars per input token, for models without a listed price")
    output_cost_per_token: Count | None = Field(default=None, description="US dollars per output token")
    max_iterations: Annotated[int, Field(gt=0, le=10_000)] = Field(default=50, description="steps of one task at most")
    max_tokens: Annotated[int, Field(gt=0)] = Field(default=2_000_000, description="input and output tokens of one task at most")
    max_cost_usd: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="US dollars of one task at most; no limit unless stated"
    )
    max_concurrent: Annotated[int, Field(gt=0, le=256)] = Field(default=4, description="tasks at a time in async mode at most")
    endpoint_slots: Annotated[int, Field(gt=0, le=10_000)] | None = Field(
        default=None,
        description="conversations at a time at one endpoint at most, over all runs that share the database, first come, first served; no "
        "limit unless stated",
    )
    max_usd_per_hour: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="US dollars that conversations may cost in any hour, over all runs that share the database: what would begin beyond it "
        "waits. What is at work counts with what `max_cost_usd` still leaves it; without that it may go beyond. Needs known prices; no "
        "limit unless stated",
    )
    rounds: Annotated[int, Field(gt=0, le=10)] = Field(
        default=2,
        description="how often one task may bring tests at most: after each round but the last, the agent is told in the same conversation "
        "what was not taken and why; all rounds together stay within the limits of one task",
    )
    required: bool = Field(default=False, description="whether a run fails when no tests could be generated")
    fallbacks: Annotated[tuple[FallbackTable, ...], Field(strict=False)] = Field(
        default=(), description="models to go on with, in this order, where a model fails in a way that may not pass soon"
    )


class PynguinTable(Part):
    """`[tool.spec2prod.pynguin]`: the generator of characterisation tests, which runs the component with random input in the sandbox."""

    seconds_per_module: Annotated[float, Field(ge=10, le=86_400)] = Field(
        default=60.0,
        description="time of one module, in seconds: half of it for the search at most, a quarter for the assertions; it is stopped "
        "after twice as many",
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        default=1, description="what its random numbers begin with; the same seed gives the same tests where time does not end the search"
    )
    max_memory_mb: Annotated[int, Field(ge=256)] = Field(default=2048, description="memory at which the search ends, in MiB")
    max_concurrent: Annotated[int, Field(gt=0, le=256)] = Field(default=2, description="modules at a time in async mode at most")
    allow_without_sandbox: bool = Field(
        default=False,
        description="whether it may call the component's code with random input where there is no sandbox: it can then write and delete "
        "whatever you can",
    )


class ProductionTable(Part):
    """`[tool.spec2prod.production]`: what production asks of time and people, beside its gates."""

    soak_days: Annotated[float, Field(ge=0, le=3_650)] = Field(default=7.0, description="days that the same digest must stand in staging")
    required_attestations: Names = Field(
        default=("security_review", "documentation", "monitoring", "rollback_rehearsed"),
        description="what somebody must attest for the digest (`spec2prod attest`)",
    )


class Table(Part):
    """`[tool.spec2prod]`."""

    components: dict[str, ComponentTable] = Field(default_factory=dict, description="where components lie, by name")
    python: Name | None = Field(
        default=None, description="the component's interpreter: its path, its environment's folder, or a name on the PATH; else `.venv`'s"
    )
    coverage_threshold: Percent | None = Field(
        default=None, description="coverage at least, in percent, in the place of the targets' own figures"
    )
    auto_fix_linting: bool = Field(default=True, description="whether the linter may mend what it can mend safely; the change is shown")
    timeout_seconds: Seconds = Field(default=300.0, description="time limit of one module's agent task, in seconds")
    time_limit_seconds: Seconds | None = Field(
        default=None,
        description="time limit of a whole run, in seconds; what does not fit into it is not begun, and the run can be resumed",
    )
    test_timeout_seconds: Seconds = Field(
        default=600.0, description="time limit of one run of the tests, in seconds; the judge has half as much again, and 900 at least"
    )
    poll_interval_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        default=2.0, description="longest pause between two looks at an agent's task, in seconds"
    )
    enable_openhands_test_generation: bool = Field(default=False, description="whether the agent writes missing tests in every run")
    generators: Annotated[tuple[Literal["spec", "openhands", "pynguin"], ...], Field(strict=False)] = Field(
        default=(),
        description="who writes missing tests in every run: `spec` turns the specification's examples into tests, without a model, and "
        "takes part wherever anybody does; `openhands` is the agent; `pynguin` calls the code and asserts what it does, which is never "
        "evidence for a requirement",
    )
    database_url: DatabaseUrl | None = Field(
        default=None,
        description="where runs, answers and jobs are kept: `postgresql://…`, `sqlite:///path`, or `none` for nowhere; "
        "SPEC2PROD_DATABASE_URL wins; else `.spec2prod/spec2prod.sqlite`",
    )
    cpu_slots: Annotated[int, Field(ge=2, le=1024)] | None = Field(
        default=None, description="processes that all runs of one spec2prod process start at a time; one a core, at least 4, unless stated"
    )
    memory_mb: Annotated[int, Field(ge=1, le=2**24)] | None = Field(
        default=None,
        description="memory, in MiB, for the processes that all runs of one spec2prod process start; what is available when it begins, "
        "unless stated",
    )
    fail_fast: bool = Field(
        default=False, description='whether the first "no" of a required gate ends the run; what is not asked then counts as not asked'
    )
    type_checker: Literal["auto", "pyright", "basedpyright", "mypy", "ty"] = Field(
        default="auto", description="the type checker; `auto` is the one that the project configures, else basedpyright"
    )
    cache: bool = Field(
        default=True, description="whether answers of earlier runs to the same questions count; `--no-cache` asks everything"
    )
    cache_max_mb: Annotated[float, Field(gt=0)] = Field(
        default=500.0, description="how large the cache may grow, in MB; the least recently used answers go first"
    )
    force: Names = Field(
        default=(), description="stages, questions or gates that are asked again although their answers are kept; meant for `--force`"
    )
    vulnerabilities_max_age_hours: Count = Field(
        default=24.0, description="how long an answer of the vulnerability service counts while the environment is the same, in hours"
    )
    rules: RulesTable = Field(default=RulesTable.model_construct(), description="what each target asks of each gate")
    gates: dict[str, GateTable] = Field(default_factory=dict, description="gates of the project's own, by name")
    waivers: Annotated[tuple[WaiverTable, ...], Field(strict=False)] = Field(default=(), description="waivers of gates")
    production: ProductionTable = Field(default=ProductionTable.model_construct(), description="what production asks of time and people")
    openhands: OpenHandsTable = Field(default=OpenHandsTable.model_construct(), description="the agent and its limits")
    pynguin: PynguinTable = Field(default=PynguinTable.model_construct(), description="the generator of characterisation tests")
