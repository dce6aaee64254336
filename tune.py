"""python tune.py --budget 5: the same as the command `tune`; `import tune` finds the package beside
this file.
"""

import os
import sys


def find_package() -> None:
    """Import the package beside this file, and nothing else that lies there: data may, and who
    knows what with it.
    """
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
    from importlib.util import module_from_spec, spec_from_file_location

    place = os.path.join(here, "tune")
    spec = spec_from_file_location(
        "tune", os.path.join(place, "__init__.py"), submodule_search_locations=[place]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["tune"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)


if __name__ == "__main__":
    find_package()
    from tune.commands.cli import run

    run()
