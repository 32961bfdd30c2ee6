"""Formulas as MathML, which browsers render without a script and without a request to another server."""

from latex2mathml.converter import convert


def _inline(translator, node):
    _write(translator, node, "inline")


def _block(translator, node):
    _write(translator, node, "block")


def _write(translator, node, display):
    from docutils.nodes import SkipNode

    translator.body.append(convert(node.astext(), display=display))
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
