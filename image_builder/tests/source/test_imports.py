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
