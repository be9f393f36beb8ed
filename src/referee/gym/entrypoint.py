"""From an entrypoint file to the server class in it.

Bundled servers are imported as modules of this package. A user's `app.py` is imported from its path, with its own
folder and the root above it on the import path, as authors expect: `import my_things`,
`from resources_servers.x import y`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from referee.errors import DefinitionError
from referee.gym.configuration.values import ServerConfig
from referee.gym.server import ServerClass

BUNDLED = Path(__file__).parent
"""The folder under which the bundled servers lie, by kind."""


def load_server(config: ServerConfig) -> ServerClass:
    """Import a server's entrypoint and return the class it serves.

    That is the class on which the file calls `run_webserver()`; without such a call, the only one defined in it that
    has a `setup_webserver`.

    Raises:
        DefinitionError: the file cannot be imported, or does not say which class it serves.
    """
    path = config.folder / config.entrypoint
    module = _import(path, config)
    classes = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and callable(getattr(value, "setup_webserver", None))
    }
    named = _served_name(path)
    if named in classes:
        return cast(ServerClass, classes[named])
    own = {name: value for name, value in classes.items() if value.__module__ == module.__name__}
    leaves = [
        one for one in own.values() if not any(one is not other and issubclass(other, one) for other in own.values())
    ]
    if len(leaves) == 1:
        return cast(ServerClass, leaves[0])
    found = f"it defines {', '.join(sorted(own))}" if own else "it defines no class with setup_webserver()"
    raise DefinitionError(
        f"{config.name}: {path} does not say which server it is: {found}; "
        "end the file with `if __name__ == '__main__': YourServer.run_webserver()`"
    )


def _import(path: Path, config: ServerConfig) -> ModuleType:
    try:
        if path.is_relative_to(BUNDLED):
            parts = path.relative_to(BUNDLED).with_suffix("").parts
            return importlib.import_module(".".join(("referee.gym", *parts)))
        for place in (path.parent.parent.parent, path.parent):
            if str(place) not in sys.path:
                sys.path.insert(0, str(place))
        # Not `app`: two users' servers may share a process, also two of one name from different folders.
        place = hashlib.blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()
        name = f"referee_user_server_{config.kind}_{config.implementation}_{path.stem}_{place}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise DefinitionError(f"{config.name}: the entrypoint {path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    except FileNotFoundError as error:
        raise DefinitionError(f"{config.name}: the entrypoint {path} does not exist") from error
    except (ImportError, SyntaxError) as error:
        raise DefinitionError(f"{config.name}: {path} cannot be imported: {type(error).__name__}: {error}") from error


def _served_name(path: Path) -> str | None:
    # Read, not executed: the call stands under `if __name__ == "__main__"`.
    for node in ast.walk(ast.parse(path.read_bytes())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "run_webserver"
            and isinstance(node.func.value, ast.Name)
        ):
            return node.func.value.id
    return None
