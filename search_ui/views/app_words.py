"""What errors and notes say, in the words of the app: they are written for the command line too.

A command in backticks becomes the page where the same is done, or a word to whoever runs this server, and one of `rio`
a program for maps; an option, which is written with two dashes, becomes the box of a form that says the same, or its
name. It does not know which messages there are.
"""

import re

_RUNS = "whoever runs this server"
_ADD = "add imagery on the page “Collections”"
_COMMANDS = {
    "ingest": _ADD,
    "photos": "add photos on the page “Collections”",
    "model add": "add a model on the page “Collections”",
    "model known": "see “Add a model” on the page “Collections”",
    "collection delete": "“Delete” on the page “Collections”",
    "collection rename": "“Rename” on the page “Collections”",
    "collection undelete": "“Bring it back” on the page “Collections”",
    "collections": "see the page “Collections”",
    "jobs list": "see the jobs on the page “Collections”",
    "jobs show": "see the jobs on the page “Collections”",
    "jobs retry": "“Go on” on the page “Collections”",
    "jobs resume": "“Go on” on the page “Collections”",
    "jobs pause": "“Pause” on the page “Collections”",
    "worker": f"a worker, which {_RUNS} starts",
    "verify": f"ask {_RUNS} to check the archive",
    "verify --repair": f"ask {_RUNS} to mend it",
    "verify --index": f"ask {_RUNS} to build it",
    "verify --rebuild-index": f"ask {_RUNS} to build it anew",
    "collection upgrade": f"ask {_RUNS} to bring it to that model",
    "doctor": f"ask {_RUNS} what is not sound here",
    "ui": "a groundcast of your own",
    "places": "the box “Area”",
}
_BOXES = {
    "acquired-at": "Taken on",
    "attribution": "Credit",
    "bands": "Bands as red, green, blue",
    "nodata": "Value of no data",
    "tile-size-m": "Side of a tile, metres",
}
"""Of the form that adds imagery; options of its own are of the same names."""

_UNSAID = {name: f"“{name.replace('-', ' ')}”, which {_RUNS} can give," for name in ("asset", "date-in-name")}
"""Options that no box of the form says."""

_MAPS = "QGIS or another program for maps"
_RIO = re.compile(r"(set it with|set|by|with|or|overviews) \(?`rio [^`]*`(?:,? of a pixel and of its corner|\))?")
_REFUSED = re.compile(r"^Error: Invalid value for '[^']*': ")
_TAGGED = re.compile(r"download (\S+) and pass it with --pretrained \S+ --weights FILE")
_LEAD = r"(?:(?:run|start|see|with|by|ask|bring photos in with|make it with|bring them in with|are brought in with) )?"
_DOES = r"( (?:says|lists|builds|does|lets|brings|goes|rebuilds|starts|makes|removes)\b)?"
_COMMAND = re.compile(_LEAD + r"`groundcast ([^`]*)`" + _DOES)
_OF_ONE = re.compile(r"^(verify) [^-]\S* (--[\w-]+)$")  # what is done depends on the option, whatever it is done to
_PLAIN_WORD = re.compile(r"[a-z]+ ")  # a sentence; what begins with a name or a path stays as it is
_CODE = re.compile(r"(`[^`]*`)")
_MARKUP = re.compile(r"[\\*$<~]|(?<!\w)_|_(?!\w)")  # an underscore within a name is none
_OPTION = re.compile(r"`?(?<![\w-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:[= ](?:[A-Z][A-Z,=…]*\b))?`?")


def told(message: object) -> str:
    """An error or a note as the app says it, in Markdown."""
    said = in_passing(message)
    return said[:1].upper() + said[1:] if _PLAIN_WORD.match(said) else said


def in_passing(message: object) -> str:
    """The same within a sentence: its first letter stays as it is."""
    # a name in it, or a question, which anybody may have given, must not become a link, a picture, bold or a formula;
    # what stands in backticks is shown as it is
    parts = _CODE.split(plainly(message))
    plain = [_MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
    said = "".join(f"{text}{code}" for text, code in zip(plain, [*parts[1::2], ""], strict=True))
    return said.replace("[", "&#91;")  # in backticks too: Markdown may pair them otherwise


def plainly(message: object) -> str:
    """The same as plain text, for what shows no Markdown."""
    said = _REFUSED.sub("", str(message).removeprefix("groundcast: "))
    # a tag says more than the architecture, which is all that the form asks: its words would make another model
    said = _TAGGED.sub(rf"ask {_RUNS} to download \1 and to add the model from that file", said)
    said = _COMMAND.sub(_command, _RIO.sub(_rio, said))
    return _OPTION.sub(_option, said)


def _rio(found: re.Match[str]) -> str:
    if found[1].startswith("set"):
        return f"set it in {_MAPS}"
    between = {"or": "make a GeoTIFF of it with ", "overviews": "in "}.get(found[1], "")
    return f"{found[1]} {between}{_MAPS}"


def _command(found: re.Match[str]) -> str:
    said = _OF_ONE.sub(r"\1 \2", found[1])
    names = [name for name in _COMMANDS if said == name or said.startswith(f"{name} ")]
    does = _COMMANDS[max(names, key=len)] if names else f"ask {_RUNS}"
    lead = found[0].split("`")[0].strip()
    # what begins with a verb of its own stands alone; a thing keeps the verb before it
    if lead in ("start", "run", "with", "by", "make it with") and not re.match(r"(ask|add|see|the|“)", does):
        does = f"{'with' if lead == 'run' else lead.split()[-1] if lead != 'start' else 'start'} {does}"
    return does + (f", which{found[2]}" if found[2] else "")


def _option(found: re.Match[str]) -> str:
    return _UNSAID.get(found[1]) or f"“{_BOXES.get(found[1]) or found[1].replace('-', ' ')}”"
