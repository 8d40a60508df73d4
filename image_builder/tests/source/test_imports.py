from image_builder.source.imports import list_imported_modules


def test_modules_are_listed_that_the_job_imports_and_does_not_have(tmp_path):
    (tmp_path / "src/web").mkdir(parents=True)
    (tmp_path / "jinja2").mkdir()
    (tmp_path / "helpers.py").write_text("import numpy as np, pandas.api  # import torch\n")
    (tmp_path / "src/web/app.py").write_text(
        "'''import scipy'''\nif True:\n    from fastapi.responses import Response\n"
        "from . import views\nfrom .models import M\nimport helpers, jinja2\nx = 'import y'\n"
    )

    assert list_imported_modules(tmp_path) == ["fastapi", "numpy", "pandas"]


def test_a_text_that_looks_like_an_import_is_none(tmp_path):
    (tmp_path / "app.py").write_text('"""\nimport fastapi\n"""\nclass A:\n    import numpy\n')

    assert list_imported_modules(tmp_path) == ["numpy"]


def test_code_of_another_python_is_searched_for_imports(tmp_path):
    (tmp_path / "app.py").write_text("import numpy as np\nfrom pandas import api\nprint 1\n")

    assert list_imported_modules(tmp_path) == ["numpy", "pandas"]
