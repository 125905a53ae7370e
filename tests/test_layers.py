"""What import-linter cannot say, because its contracts speak of packages only."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = {"app", "train"}


def imported_modules(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, also within functions."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_the_package_does_not_import_the_programs():
    files = sorted((ROOT / "unet").rglob("*.py"))
    assert len(files) > 40
    assert [str(path) for path in files if imported_modules(path) & PROGRAMS] == []


def test_the_programs_import_the_package_but_not_each_other():
    for program in PROGRAMS:
        imported = imported_modules(ROOT / f"{program}.py")
        assert "unet" in imported
        assert not imported & PROGRAMS
