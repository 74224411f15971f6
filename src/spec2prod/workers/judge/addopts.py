"""What of the project's own pytest options may reach the judge: those that say what its tests are, not how they are run or told."""

from __future__ import annotations

import shlex

NO_VALUE, VALUE, MAYBE = 0, 1, 2
# Options that choose, repeat, parallelise, measure, stop or report; each with whether a word of its own follows.
LEFT_OUT: dict[str, int] = {
    "-n": VALUE, "--numprocesses": VALUE, "--maxprocesses": VALUE, "--dist": VALUE, "--tx": VALUE, "-d": NO_VALUE, "--looponfail": NO_VALUE,
    "-f": NO_VALUE, "--max-worker-restart": VALUE, "--boxed": NO_VALUE, "--forked": NO_VALUE,
    "--cov": MAYBE, "--cov-report": VALUE, "--cov-config": VALUE, "--cov-fail-under": VALUE, "--cov-append": NO_VALUE,
    "--cov-branch": NO_VALUE,
    "--cov-context": VALUE, "--no-cov": NO_VALUE, "--no-cov-on-fail": NO_VALUE, "--cov-reset": NO_VALUE,
    "-x": NO_VALUE, "--exitfirst": NO_VALUE, "--maxfail": VALUE, "--sw": NO_VALUE, "--stepwise": NO_VALUE, "--stepwise-skip": NO_VALUE,
    "--lf": NO_VALUE, "--last-failed": NO_VALUE, "--ff": NO_VALUE, "--failed-first": NO_VALUE, "--nf": NO_VALUE, "--new-first": NO_VALUE,
    "--randomly-seed": VALUE, "--randomly-dont-reorganize": NO_VALUE, "--random-order": NO_VALUE, "--random-order-bucket": VALUE,
    "--random-order-seed": VALUE, "--reruns": VALUE, "--reruns-delay": VALUE, "--only-rerun": VALUE, "--count": VALUE,
    "--flake-finder": NO_VALUE,
    "-k": VALUE, "-m": VALUE, "--deselect": VALUE, "--collect-only": NO_VALUE, "--co": NO_VALUE, "--setup-only": NO_VALUE,
    "--setup-plan": NO_VALUE,
    "-v": NO_VALUE, "-vv": NO_VALUE, "-vvv": NO_VALUE, "--verbose": NO_VALUE, "-q": NO_VALUE, "-qq": NO_VALUE, "--quiet": NO_VALUE,
    "-s": NO_VALUE,
    "--capture": VALUE, "--tb": VALUE, "--color": VALUE, "--durations": VALUE, "--durations-min": VALUE, "-r": VALUE,
    "--showlocals": NO_VALUE,
    "-l": NO_VALUE, "--show-capture": VALUE, "--no-header": NO_VALUE, "--no-summary": NO_VALUE, "--pdb": NO_VALUE, "--trace": NO_VALUE,
    "--junitxml": VALUE, "--junit-xml": VALUE, "--junit-prefix": VALUE, "--html": VALUE, "--self-contained-html": NO_VALUE,
    "--report-log": VALUE,
    "--json-report": NO_VALUE, "--json-report-file": VALUE, "--pastebin": VALUE, "--alluredir": VALUE, "--clean-alluredir": NO_VALUE,
    "-W": VALUE, "--pythonwarnings": VALUE, "--strict-config": NO_VALUE, "--basetemp": VALUE, "--rootdir": VALUE, "-c": VALUE,
    "--config-file": VALUE,
    "--cache-clear": NO_VALUE, "--cache-show": MAYBE, "--benchmark-only": NO_VALUE, "--benchmark-skip": NO_VALUE,
    "--benchmark-disable": NO_VALUE,
    "--benchmark-enable": NO_VALUE, "--hypothesis-seed": VALUE, "--hypothesis-show-statistics": NO_VALUE, "--hypothesis-profile": VALUE,
    "--log-cli-level": VALUE, "--log-cli": NO_VALUE, "--log-file": VALUE, "--log-file-level": VALUE, "--session-timeout": VALUE,
}  # fmt: skip
LEFT_OUT_PLUGINS = ("randomly", "xdist", "rerunfailures", "cov", "sugar")


def kept(stated: list[str]) -> list[str]:
    """Return the project's options without those that would bend the judgement, and without paths of tests."""
    found: list[str] = []
    words = iter(stated)
    for word in words:
        name, has_value, _ = word.partition("=")
        short = word[:2] if word[:1] == "-" and word[:2] != "--" and len(word) > 2 and word not in LEFT_OUT else ""  # noqa: PLR2004 - `-n4`
        if name in LEFT_OUT:
            if not has_value and LEFT_OUT[name] == VALUE:
                next(words, None)
        elif LEFT_OUT.get(short) == VALUE or (short and set(word[1:]) <= set("vqsxlr")):
            continue
        elif word == "-p":
            plugin = next(words, "")
            found += [] if any(each in plugin for each in LEFT_OUT_PLUGINS) else ["-p", plugin]
        elif name.startswith("--cov") or (word[:1] != "-" and not (found and found[-1][:1] == "-" and "=" not in found[-1])):
            continue  # a later option of pytest-cov, or a path: the judge names its files itself
        else:
            found.append(word)
    return found


def words(stated: object) -> list[str]:
    """Return `addopts` as a list; in an ini file it is one line."""
    if isinstance(stated, str):
        return shlex.split(stated)
    return [str(each) for each in stated] if isinstance(stated, list) else []
