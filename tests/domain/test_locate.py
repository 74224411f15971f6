"""Where components and their tests lie, in the layouts that projects have."""

from __future__ import annotations

from posixpath import basename

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec2prod.domain.belonging import imported_names
from spec2prod.domain.locate import ComponentSetting, locate, new_test_file
from spec2prod.errors import ComponentAmbiguousError, ComponentNotFoundError

CALCULATOR = "src/test_components/calculator/operations.py"


def test_the_guides_component_is_found_by_its_dotted_ending() -> None:
    found = locate("calculator_operations", [CALCULATOR, "specs/calculator_operations.md", "scripts/workflow/spec_to_production.py"])
    assert (found.source, found.import_root, found.modules, found.tests) == (CALCULATOR, "src", (CALCULATOR,), ())
    assert found.tests_folder == "tests/test_components/calculator"
    assert new_test_file(found, CALCULATOR, [CALCULATOR]) == "tests/test_components/calculator/test_operations.py"


def test_the_guides_integration_template_names_a_plain_folder() -> None:
    found = locate("test_component", ["component/module.py", "test_spec.md"], explicit="component")
    assert (found.source, found.import_root, found.modules) == ("component", ".", ("component/module.py",))
    assert new_test_file(found, "component/module.py", ["component/module.py"]) == "tests/test_module.py"


@pytest.mark.parametrize(
    ("name", "files", "source", "root"),
    [
        ("app", ["src/app/__init__.py", "app/__init__.py"], "src/app", "src"),
        ("app", ["src/app.py", "app/x.py"], "src/app.py", "src"),
        ("app", ["app/__init__.py", "app/a.py"], "app", "."),
        ("app", ["app.py", "lib/app/a.py"], "app.py", "."),
        ("app", ["packages/app/src/app/__init__.py", "packages/app/setup.py"], "packages/app/src/app", "packages/app/src"),
        ("app", ["lib/app/__init__.py", "lib/app/sub/a.py"], "lib/app", "lib"),
        ("my_pkg_core", ["src/my_pkg/core.py"], "src/my_pkg/core.py", "src"),
        ("my-pkg", ["src/my_pkg/core.py"], "src/my_pkg", "src"),
        ("google.cloud", ["src/google/cloud/a/b.py"], "src/google/cloud", "src"),
        ("a", ["x/a/a/__init__.py", "x/a/a/b.py"], "x/a/a", "x/a"),
        ("thing", ["x/thing/__init__.py", "x/thing/thing.py"], "x/thing", "x"),
        ("tool", ["my-tool/tool.py"], "my-tool/tool.py", "my-tool"),
    ],
)
def test_a_component_is_found_by_convention(name: str, files: list[str], source: str, root: str) -> None:
    found = locate(name, files)
    assert (found.source, found.import_root) == (source, root)


def test_several_of_one_name_are_ambiguous_and_listed() -> None:
    with pytest.raises(ComponentAmbiguousError) as caught:
        locate("core", ["src/a/core.py", "src/b/core/__init__.py"])
    assert "src/a/core.py, src/b/core" in caught.value.message
    assert "--component-path" in caught.value.next_step


@pytest.mark.parametrize("name", ["calculater_operations", "operation"])
def test_an_absent_component_tells_what_was_looked_for_and_near_names(name: str) -> None:
    with pytest.raises(ComponentNotFoundError) as caught:
        locate(name, [CALCULATOR])
    assert f"src/{name}/, src/{name}.py, {name}/, {name}.py" in caught.value.message
    assert f"operations ({CALCULATOR})" in caught.value.next_step


@pytest.mark.parametrize("name", ["", ".", "..", "/", "../x", "tests", "test_app", "conftest", "setup", "docs", "build", "src"])
def test_tests_docs_and_odd_names_are_never_components(name: str) -> None:
    files = [
        "src/app/a.py",
        "tests/a.py",
        "test_app.py",
        "conftest.py",
        "setup.py",
        "docs/conf.py",
        "build/lib/app.py",
        "tests/helpers/b.py",
    ]
    with pytest.raises(ComponentNotFoundError):
        locate(name, files)


def test_where_no_code_is_at_all_the_folder_is_the_wrong_one() -> None:
    with pytest.raises(ComponentNotFoundError) as refused:
        locate("shop", ["notes.md"])
    assert refused.value.next_step == "Start it in the project's folder: there is no Python code here."


def test_the_stated_path_wins_over_settings_and_convention() -> None:
    files = ["src/app/a.py", "one/a.py", "two/a.py"]
    configured = {"app": ComponentSetting(path="one")}
    assert locate("app", files, configured=configured, explicit="./two/").source == "two"
    assert locate("app", files, configured=configured).source == "one"
    assert locate("app", files).source == "src/app"


@pytest.mark.parametrize("path", ["nowhere", "../app", "/app", "README.md", "specs"])
def test_a_stated_path_without_python_is_not_found(path: str) -> None:
    files = ["src/app/a.py", "README.md", "specs/a.md"]
    with pytest.raises(ComponentNotFoundError, match="no Python files"):
        locate("app", files, explicit=path)
    with pytest.raises(ComponentNotFoundError) as caught:
        locate("app", files, configured={"app": ComponentSetting(path=path)})
    assert caught.value.where == "tool.spec2prod.components.app.path"


def test_the_project_itself_can_be_the_component() -> None:
    found = locate("app", ["a.py", "sub/b.py", "setup.py", "tests/test_a.py"], explicit=".")
    assert (found.source, found.import_root, found.modules, found.tests) == (".", ".", ("a.py", "sub/b.py"), ("tests/test_a.py",))


def test_modules_leave_out_tests_but_keep_packages_that_are_named_like_some() -> None:
    files = [
        "src/app/a.py",
        "src/app/test/case.py",
        "src/app/tests/helper.py",
        "src/app/tests/test_a.py",
        "src/app/build/x.py",
        "src/app/conftest.py",
    ]
    found = locate("app", files)
    assert found.modules == ("src/app/a.py", "src/app/build/x.py", "src/app/test/case.py")
    assert found.tests == ("src/app/tests/test_a.py",)
    assert found.tests_folder == "src/app/tests"


@pytest.mark.parametrize(
    "test",
    [
        "tests/test_components/calculator/test_operations.py",
        "tests/calculator/test_operations.py",
        "tests/unit/calculator/test_operations.py",
        "tests/test_operations.py",
        "tests/operations_test.py",
        "tests/test_calculator_operations.py",
        "tests/unit/test_operations_edge_cases.py",
        "tests/test_operations_generated_2.py",
        "tests/calculator_operations/test_all.py",
        "test/test_operations.py",
        "src/test_components/calculator/test_operations.py",
        "src/test_components/calculator/tests/test_operations.py",
    ],
)
def test_a_modules_tests_are_found_by_their_names(test: str) -> None:
    assert locate("calculator_operations", [CALCULATOR, "src/billing/core.py", test]).tests == (test,)


@pytest.mark.parametrize(
    "test",
    ["tests/test_core.py", "tests/billing/test_operations.py", "tests/test_else.py", "tests/conftest.py", "tests/calculator/test_extra.py"],
)
def test_another_components_tests_are_not_taken(test: str) -> None:
    assert (
        locate("calculator_operations", [CALCULATOR, "src/test_components/calculator/__init__.py", "src/billing/core.py", test]).tests == ()
    )


def test_imports_decide_between_namesakes() -> None:
    files = ["src/a/core.py", "src/b/core.py", "tests/test_core.py", "tests/b/test_core.py"]
    assert locate("a_core", files).tests == ()
    assert locate("b_core", files).tests == ("tests/b/test_core.py",)
    imported = {"tests/test_core.py": {"a", "a.core"}}
    assert locate("a_core", files, imports=lambda path: imported.get(path, set())).tests == ("tests/test_core.py",)
    assert locate("b_core", files, imports=lambda path: imported.get(path, set())).tests == ("tests/b/test_core.py",)


def test_imports_admit_a_test_that_is_named_for_the_package_around() -> None:
    files = [CALCULATOR, "src/test_components/calculator/__init__.py", "tests/test_calculator.py"]
    assert locate("calculator_operations", files).tests == ()
    imports = {"test_components.calculator.operations"}
    assert locate("calculator_operations", files, imports=lambda _: imports).tests == ("tests/test_calculator.py",)


def test_a_folder_of_scripts_beside_the_package_takes_no_test_away() -> None:
    files = ["sort/__init__.py", "sort/core.py", "dev/bump.py", "tests/test_anything.py", "tests/test_core.py"]
    assert locate("sort", files).tests == ("tests/test_anything.py", "tests/test_core.py")
    as_package = locate("sort", [*files, "dev/__init__.py"])
    assert as_package.tests == ("tests/test_core.py",)
    assert as_package.tests_left_out == (), "it may be the other component's"


def test_a_test_that_is_named_for_nobody_belongs_to_what_alone_it_imports() -> None:
    files = ["sort/__init__.py", "sort/core.py", "other/core.py", "tests/test_a.py", "tests/test_b.py", "tests/test_c.py"]
    imported = {"tests/test_a.py": {"sort", "sort.core", "json"}, "tests/test_b.py": {"sort", "other.core"}, "tests/test_c.py": {"json"}}
    found = {name: locate(name, files, imports=lambda path: imported[path]).tests for name in ("sort", "other")}
    assert found == {"sort": ("tests/test_a.py",), "other": ()}


def test_tests_that_the_only_component_does_not_have_are_told() -> None:
    files = ["sort/__init__.py", "sort/core.py", "scripts/bump.py", "checks/test_flow.py", "checks/test_core.py"]
    found = locate("sort", files, imports=lambda _: {"subprocess"})
    assert (found.tests, found.tests_left_out) == (("checks/test_core.py",), ("checks/test_flow.py",))
    stated = {"sort": ComponentSetting(path="sort", tests=("checks/test_core.py",))}
    assert locate("sort", files, configured=stated).tests_left_out == (), "somebody chose"


def test_a_packages_tests_are_those_of_all_it_holds() -> None:
    files = [
        "src/app/core/a.py",
        "src/app/core/sub/b.py",
        "src/lib/a.py",
        "tests/core/sub/test_any.py",
        "tests/app/core/test_a.py",
        "tests/lib/test_a.py",
        "tests/test_b.py",
    ]
    found = locate("core", files)
    assert found.tests == ("tests/app/core/test_a.py", "tests/core/sub/test_any.py", "tests/test_b.py")
    assert found.tests_folder == "tests"


def test_the_only_package_owns_the_whole_test_folder() -> None:
    files = ["src/app/__init__.py", "scripts/x.py", "tests/integration/test_everything.py", "tests/test_z.py", "examples/test_x.py"]
    assert locate("app", files).tests == ("tests/integration/test_everything.py", "tests/test_z.py")


def test_stated_tests_are_taken_as_they_are() -> None:
    files = ["src/app/a.py", "checks/test_a.py", "checks/sub/test_b.py", "tests/test_a.py", "other/check.py"]
    setting = ComponentSetting(path="src/app", tests=("checks", "other/check.py"))
    assert locate("app", files, configured={"app": setting}).tests == ("checks/sub/test_b.py", "checks/test_a.py", "other/check.py")
    with pytest.raises(ComponentNotFoundError, match="no test files at nowhere"):
        locate("app", files, configured={"app": ComponentSetting(path="src/app", tests=("nowhere",))})


def test_a_new_test_goes_where_most_of_the_components_are() -> None:
    files = [CALCULATOR, "tests/unit/test_operations.py", "src/other.py"]
    found = locate("calculator_operations", files)
    assert found.tests_folder == "tests/unit"
    assert new_test_file(found, CALCULATOR, files) == "tests/unit/test_operations_generated.py"
    assert (
        new_test_file(found, CALCULATOR, [*files, "tests/unit/test_operations_generated.py"]) == "tests/unit/test_operations_generated_2.py"
    )


def test_a_base_name_that_stands_elsewhere_is_taken_because_pytest_could_not_import_both() -> None:
    files = [CALCULATOR, "src/billing/operations.py", "tests/billing/test_operations.py"]
    found = locate("calculator_operations", files)
    assert new_test_file(found, CALCULATOR, files) == "tests/test_components/calculator/test_operations_generated.py"


def test_a_namesakes_new_test_says_which_one_it_is_for() -> None:
    files = ["src/a/core.py", "src/b/core.py", "tests/test_a_core.py"]
    assert new_test_file(locate("a_core", files), "src/a/core.py", files) == "tests/test_a_core_generated.py"


def test_a_generated_test_is_found_again_beside_a_module_of_that_name() -> None:
    files = ["src/a/core.py", "src/a/core_generated.py", "src/b.py", "tests/test_core.py", "tests/test_core_generated.py"]
    assert locate("core", files).tests == ("tests/test_core.py",)
    assert locate("core", files, imports=lambda _: {"a.core"}).tests == ("tests/test_core.py", "tests/test_core_generated.py")


parts = st.sampled_from(["app", "core", "a_b", "a", "b", "util", "generated", "x"])
modules = st.builds(
    lambda top, folders, name: "/".join((*top, *folders, f"{name}.py")), st.sampled_from([(), ("src",)]), st.lists(parts, max_size=3), parts
)
test_files = st.builds(lambda folders, name: "/".join(("tests", *folders, f"test_{name}.py")), st.lists(parts, max_size=2), parts)


@given(st.lists(modules, min_size=1, max_size=6, unique=True), st.lists(test_files, max_size=4), st.data())
def test_a_new_test_never_stands_on_another_and_is_found_again(sources: list[str], tests: list[str], data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(sources))
    files = [*sources, *tests]
    found = locate("subject", files, explicit=source)
    new = new_test_file(found, source, files)
    assert basename(new) not in {basename(path) for path in files}
    dotted = source.removeprefix("src/").removesuffix(".py").replace("/", ".")
    again = locate("subject", [*files, new], explicit=source, imports=lambda path: {dotted} if path == new else set())
    assert new in again.tests
    assert set(found.tests) <= set(again.tests)


@given(st.text(max_size=20), st.lists(modules, max_size=4), st.lists(test_files, max_size=3))
def test_any_name_is_found_or_refused(name: str, sources: list[str], tests: list[str]) -> None:
    try:
        found = locate(name, [*sources, *tests])
    except (ComponentNotFoundError, ComponentAmbiguousError):
        return
    assert set(found.modules) <= set(sources)
    assert all(found.import_root == "." or path.startswith(f"{found.import_root}/") for path in found.modules)


def test_what_else_takes_part_is_a_packages_data_and_the_conftests_that_its_tests_obey() -> None:
    files = [
        "a/__init__.py",
        "a/table.csv",
        "a/keys/x.pem",
        "a/tests/test_a.py",
        "a/tests/conftest.py",
        "conftest.py",
        "tests/conftest.py",
        "b/c.txt",
    ]
    assert locate("a", files).data == ("a/keys/x.pem", "a/table.csv", "a/tests/conftest.py", "conftest.py")
    assert locate("m", ["m.py", "table.csv", "tests/test_m.py", "tests/conftest.py", "conftest.py"]).data == (
        "conftest.py",
        "tests/conftest.py",
    )
    assert locate("m", ["m.py", "conftest.py"]).data == ()


def test_imports_are_named_whole_and_by_their_module() -> None:
    text = "import a.b\nfrom c.d import e as f\nfrom . import g\n"
    assert imported_names(text) == {"a.b", "c.d", "c.d.e"}
