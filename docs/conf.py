"""How the site is built: `sphinx-build -W --keep-going docs site`, by the extra `docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from gan_jax import __version__

project = "gan_jax"
author = "The gan_jax authors"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "commands",
    "reference",
    "repository_links",
]
exclude_patterns = ["extensions"]
smartquotes = False  # of code, in docstrings
default_role = "literal"

myst_enable_extensions = ["attrs_inline", "html_image"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the slow tests execute the notebooks; the site shows what is stored in them

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "gan_jax"
html_theme_options = {
    "source_repository": "https://github.com/gan-jax/gan_jax/",
    "source_branch": "main",
    "source_directory": "docs/",
}
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
