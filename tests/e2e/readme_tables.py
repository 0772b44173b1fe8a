#!/usr/bin/python3
"""The README's tables of flags, limits and template functions, made from `streamgauge serve --help` and the source's tables.

usage: STREAMGAUGE=build/streamgauge tests/e2e/readme_tables.py      rewrites README.md
"""
import re
import subprocess

from browser_kit import BINARY, ROOT


def flags():
    text = subprocess.run([BINARY, "serve", "--help"], check=True, capture_output=True, text=True).stdout
    for flag, what in re.findall(r"^  (--.*)\n {8}(.*)$", text, re.M):
        default = re.search(r" \(default ([^() ]*)\)$", what)
        name = ", ".join(f"`{f}`" for f in flag.split(", "))
        yield name, default[1] if default else "", what[:default.start()] if default else what


def limits():
    source = (ROOT / "server/app/config.c").read_text()
    rows = re.findall(r'\{"(limits\.\w+)".*?, "(\d+)", \d+, \d+, "\w+",\s*"(.*?)"\}', source)
    assert rows, "the option table is not where it was"
    for key, default, what in rows:
        yield f"`{key}`", default, what


def functions():
    source = (ROOT / "server/alert/template_fn.c").read_text()
    rows = re.findall(r'\{"(\w+)", \d+, -?\d+, \w+, \w+,\s*"((?:[^"\\]|\\.)*)"\}', source)
    assert len(rows) > 40, "the table of functions is not where it was"
    for name, what in rows:
        yield f"`{name}`", what.replace("|", "\\|")


def with_tables(readme):
    for name, rows in (("flags", flags()), ("limits", limits()), ("functions", functions())):
        lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        readme = re.sub(rf"(<!-- {name}: .*?-->\n.*?\n.*?\n).*?(?=<!-- end -->)", lambda m, t=lines: m[1] + t, readme, count=1, flags=re.S)
    return readme


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(with_tables(path.read_text()))
