#!/usr/bin/env python3
"""What `nxgate run --report` wrote, as Markdown: summary.py REPORT."""
import json
import sys


def cell(value):
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;")


def table(head, rows):
    if not rows:
        return []
    return ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|",
            *(f"| {' | '.join(map(cell, row))} |" for row in rows)]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    names = sorted(report["names"], key=lambda each: (each["verdict"] != "denied", each["name"]))
    connections = sorted(report["connections"], key=lambda each: (each["verdict"] == "allowed", each["to"]))
    lines = ["### nxgate", "", f"{report['denied']} denied; status {report['status']}."]
    lines += table(["Name", "Verdict", "Times", "Rule"],
                   [(each["name"], each["verdict"], each["count"], each["rule"]) for each in names])
    lines += table(["Connection", "Name", "Verdict", "Times", "Rule or reason"],
                   [(each["to"], each["name"], each["verdict"], each["count"], each.get("rule", each.get("why")))
                    for each in connections])
    print("\n".join(lines))


if __name__ == "__main__":
    main()
