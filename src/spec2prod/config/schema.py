"""What may stand in `[tool.spec2prod]`: every setting once, with its type, its bounds and its default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

type Percent = Annotated[float, Field(ge=0, le=100)]
type Count = Annotated[float, Field(ge=0)]
type Seconds = Annotated[float, Field(gt=0, le=86_400)]
type Name = Annotated[str, Field(min_length=1)]
type Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
type Names = Annotated[tuple[Name, ...], Field(strict=False)]  # TOML has lists, not tuples


class Part(BaseModel):
    """A table of settings: nothing unknown in it, nothing read as what it is not (`"300"` is no number)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ComponentTable(Part):
    """`[tool.spec2prod.components.<name>]`: `path` is the folder or file; `tests` are files or folders."""

    path: Name
    tests: Names = ()
    specification: Name | None = None


class PercentRule(Part):
    """A rule on a share, in percent: at least."""

    required: bool | None = None
    percent: Percent | None = None


class IssuesRule(Part):
    """A rule on the linter's issues: at most."""

    required: bool | None = None
    issues: Count | None = None


class ErrorsRule(Part):
    """A rule on the type checker's errors: at most."""

    required: bool | None = None
    errors: Count | None = None


class FindingsRule(Part):
    """A rule on findings by severity: at most."""

    required: bool | None = None
    critical: Count | None = None
    high: Count | None = None
    medium: Count | None = None
    low: Count | None = None


class VulnerabilitiesRule(Part):
    """A rule on the known vulnerabilities of the environment's packages; the service gives them no severity."""

    required: bool | None = None
    vulnerabilities: Count | None = None


class TargetRules(Part):
    """`[tool.spec2prod.rules.<target>.<gate>]`: what is given replaces the default of that figure."""

    test_pass_rate: PercentRule = PercentRule()
    test_coverage: PercentRule = PercentRule()
    linting: IssuesRule = IssuesRule()
    type_checking: ErrorsRule = ErrorsRule()
    security: FindingsRule = FindingsRule()
    vulnerabilities: VulnerabilitiesRule = VulnerabilitiesRule()


class RulesTable(Part):
    """`[tool.spec2prod.rules]`: rules per target; a longer climb keeps what the shorter ones ask."""

    development: TargetRules = TargetRules()
    staging: TargetRules = TargetRules()
    production: TargetRules = TargetRules()


class OpenHandsTable(Part):
    """`[tool.spec2prod.openhands]`: the model that writes tests, and the limits of its tasks.

    Prices are US dollars per token; `max_tokens` and `max_cost_usd` are per task; None is no limit on money.
    Keys are never settings: `api_key_env` and `server_key_env` name the variables that hold them.
    """

    model: Name | None = None
    base_url: Url | None = None
    api_key_env: Name = "LLM_API_KEY"
    server_url: Url | None = None
    server_key_env: Name | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] = 4096
    input_cost_per_token: Count | None = None
    output_cost_per_token: Count | None = None
    max_iterations: Annotated[int, Field(gt=0, le=10_000)] = 50
    max_tokens: Annotated[int, Field(gt=0)] = 2_000_000
    max_cost_usd: Annotated[float, Field(gt=0)] | None = None
    max_concurrent: Annotated[int, Field(gt=0, le=256)] = 4
    required: bool = False


class Table(Part):
    """`[tool.spec2prod]`.

    `python` is the component's interpreter; `timeout_seconds` is the limit of one generation task.
    """

    components: dict[str, ComponentTable] = Field(default_factory=dict)
    python: Name | None = None
    coverage_threshold: Percent | None = None
    auto_fix_linting: bool = True
    timeout_seconds: Seconds = 300.0
    poll_interval_seconds: Annotated[float, Field(gt=0, le=3_600)] = 2.0
    enable_openhands_test_generation: bool = False
    type_checker: Literal["auto", "pyright", "basedpyright", "mypy", "ty"] = "auto"
    rules: RulesTable = RulesTable()
    openhands: OpenHandsTable = OpenHandsTable()
