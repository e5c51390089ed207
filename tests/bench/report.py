"""A table of results, printed as text and written as Markdown between markers of a file."""
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Table:
    work: str      # as in BENCH="..."
    title: str
    columns: list  # (heading, format) of each figure
    rows: list = field(default_factory=list)  # (name, figures); a figure of None is left empty
    notes: list = field(default_factory=list)

    def add(self, name, *figures):
        self.rows.append((name, figures))

    def leave_out(self, name, reason):
        self.notes.append(f"Without {name}: {reason}.")

    def _cells(self):
        yield ["", *(heading for heading, _ in self.columns)]
        for name, figures in self.rows:
            yield [name, *("" if figure is None else form.format(figure)
                           for (_, form), figure in zip(self.columns, figures))]

    def text(self):
        cells = list(self._cells())
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = ["  ".join([row[0].ljust(widths[0]),
                            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
                 for row in cells]
        return "\n".join([self.title, *lines, *self.notes])

    def markdown(self):
        head, *rows = self._cells()
        lines = [head, ["---"] + ["--:"] * len(self.columns), *rows]
        table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
        return "\n\n".join([f"### {self.title}", table, *self.notes])


def rewrite(path, tables, run):
    """Puts each table, and a line about the run, between `<!-- bench: WORK -->` and `<!-- end -->`.

    A table that has no such place is an error: nobody would see it.
    """
    file = Path(path)
    text = file.read_text()
    for table in tables:
        begin, end = f"<!-- bench: {table.work} -->\n", "<!-- end -->"
        place = re.compile(f"({re.escape(begin)}).*?({end})", re.S)
        if not place.search(text):
            raise RuntimeError(f"{path} has no place for {table.work}")
        filled = f"{table.markdown()}\n\n{run}\n"
        text = place.sub(lambda found: found[1] + filled + found[2], text)
    file.write_text(text)
