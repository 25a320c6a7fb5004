"""A plugin with a hook that would have to be awaited."""

from kshot import hookimpl

KSHOT_API = 1


@hookimpl
async def kshot_cell_finished(cell):
    print(cell)
