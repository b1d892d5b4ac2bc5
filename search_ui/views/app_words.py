"""What errors and notes say, in the words of the app: they are written for the command line too.

A command in backticks becomes the page where the same is done, or a word to whoever runs this server; an option, which
is written with two dashes, becomes its name. It does not know which messages there are.
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
    return _OPTION.sub(_option, _COMMAND.sub(_command, str(message).removeprefix("groundcast: ")))


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
    return f"“{found[1].replace('-', ' ')}”"
