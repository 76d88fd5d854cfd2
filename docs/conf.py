"""Configuration of the site, `make docs`: Sphinx with MyST-NB, which shows the notebooks with their stored outputs, and furo.

Generated while it is built (docs/made): the commands, the API reference, the benchmarks, the index of derivations,
the sheet of all operations, and a page for each source file.
"""

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from made.sheet.notation import MACROS  # noqa: E402

from albert_np.version import __version__  # noqa: E402

project = "albert_np"
author = "the authors of albert_np"
copyright = author
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_copybutton", "made"]
exclude_patterns = ["live", "made", "static", "printed.md"]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 4
myst_url_schemes = ["http", "https", "mailto", "source"]  # source: a file of the repository, see made/sources.py

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
toc_object_entries = False  # headings are enough in the contents of a page
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 130  # of types with their modules, which are left out: about 90 characters
smartquotes = False  # options keep their two hyphens, code its quotes
highlight_language = "none"
nitpicky = True
# Types of other libraries are not linked: the build does not use the network.
nitpick_ignore_regex = [("py:.*", r"(?!albert_np\.).*"), ("py:class", r"albert_np\..*")]

html_theme = "furo"
html_title = f"albert_np {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style, pygments_dark_style = "friendly", "monokai"
copybutton_exclude = ".linenos, .gp, .go"

# MathJax is part of the site, so neither the build nor a reader needs the network. (Its package is named after Django.)
_mathjax = Path(importlib.util.find_spec("mathjax").submodule_search_locations[0]) / "static" / "mathjax" / "es5"
html_static_path.append(os.fspath(_mathjax / "tex-svg.js"))
mathjax_path = "tex-svg.js"
mathjax3_config = {"svg": {"fontCache": "global"}, "tex": {"macros": MACROS}}

linkcheck_timeout = 20
linkcheck_retries = 2
