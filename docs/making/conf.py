"""The site's configuration for Sphinx: Markdown in, pages that ask nothing of any other host out."""

project = "Classically Punk on Spark"
extensions = ["myst_parser"]
root_doc = "index"
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# SQL and shell sessions that the highlighter only half understands are shown plain
suppress_warnings = ["misc.highlighting_failure"]
