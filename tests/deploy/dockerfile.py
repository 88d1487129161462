"""A Dockerfile as data: stages of instructions."""
import dataclasses
import json
import re


@dataclasses.dataclass
class Stage:
    image: str
    name: str
    instructions: list

    def all(self, word):
        return [rest for instruction, rest in self.instructions if instruction == word]

    def environment(self):
        return dict(pair for rest in self.all("ENV") for pair in pairs(rest))

    def labels(self):
        return dict(pair for rest in self.all("LABEL") for pair in pairs(rest))


def pairs(rest):
    return [(name, quoted or plain) for name, quoted, plain in re.findall(r'([\w.]+)=(?:"([^"]*)"|(\S+))', rest)]


def vector(rest):
    """The exec form as a list; `None` = the shell form."""
    try:
        value = json.loads(rest)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def without_flags(rest):
    flags = re.findall(r"^(?:--\S+\s+)+", rest)
    return (flags[0].split() if flags else [], re.sub(r"^(?:--\S+\s+)+", "", rest))


def parse(text):
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages, before = [], []
    for line in filter(str.strip, joined.splitlines()):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            stages.append(Stage(image, name or str(len(stages)), []))
        elif stages:
            stages[-1].instructions.append((word, rest))
        else:
            before.append((word, rest))
    return stages
