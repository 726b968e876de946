"""Settings of the documentation as a static site, which `make docs` builds; warnings are errors.

The pages are Markdown that GitHub shows too. What no page says by hand (the help of the commands, the
Python interface) is made by `site_parts.py` beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from site_parts import GITHUB, linkcode_resolve

from onestop.version import __version__

__all__ = ["linkcode_resolve"]  # for sphinx.ext.linkcode, which looks for it here

project = "OneStop"
version = release = __version__
html_title = f"OneStop {__version__}"
extensions = [
    "myst_parser",  # Markdown
    "sphinx.ext.autodoc",  # the Python interface from docstrings
    "sphinx.ext.napoleon",  # ... in Google's style
    "sphinx.ext.linkcode",  # ... each name with its source on GitHub
    "site_parts",
]

nitpicky = True  # every name in a signature must be documented here, but for those of others:
nitpick_ignore_regex = [  # their documentation lies on the network, which a build does not ask
    ("py:.*", r"(annotated_types|collections|matplotlib|numpy|pathlib|torch|typing)\..*"),
    ("py:class", r"onestop\.tasks\.(meter|task)\.Outputs"),  # a type variable
    ("py:class", r"(ge|gt|le|lt)=.*"),  # limits of a setting, in its type
]

myst_heading_anchors = 3  # `page.md#a-heading` leads there, as on GitHub
smartquotes = False  # the two dashes of `--flag` stay two
default_role = "code"  # `name` in a docstring

napoleon_use_ivar = True  # attributes as a list, a line each
autodoc_member_order = "bysource"
autodoc_typehints = "description"  # in the list of arguments, where a telephone has room for them
autodoc_class_signature = "separated"  # nobody makes results by hand: what they are made from
autodoc_default_options = {"exclude-members": "__init__"}  # ... is left out

html_theme = "furo"
html_theme_options = {
    "source_repository": GITHUB,
    "source_branch": "main",
    "source_directory": "docs/",
}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_domain_indices = False
html_show_copyright = False
