"""Collections under other names, deleted ones, and ones brought back: what their owner does with them in the app.

It draws no page; what is overdue is looked for by the thread that looks after saved searches.
"""

from collections.abc import Callable

from ingest.catalog.catalog import Catalog
from ingest.catalog.deletions import Belongings, Deleted, Deletions
from ingest.settings import Settings


class Keeping:
    """What is done with whole collections. May be used from several threads.

    Args:
        settings: Where things are.
        catalog: The open catalog.
        require_writable: Raises where nothing may be changed.
        let_go: Lets go of the indexes that this process holds, so that they can be removed.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        *,
        require_writable: Callable[[], None],
        let_go: Callable[[], None],
    ) -> None:
        self._settings, self._catalog = settings, catalog
        self._deletions = Deletions(catalog)
        self._require_writable, self._let_go = require_writable, let_go

    def rename(self, name: str, new: str) -> str:
        """Give a collection another name; returns it.

        Raises:
            ReadOnlyError: Nothing may be changed here.
            MissingError: There is none of that name.
            UsageError: The new name cannot be one.
            CatalogError: Another collection has that name, or had it.
        """
        self._require_writable()
        from ingest.jobs.lifetime import rename  # as below: what writes collections is loaded when somebody does

        return rename(self._settings, self._catalog, name, new)

    def delete(self, name: str) -> Deleted:
        """Delete a collection; for a day it can be brought back.

        Raises:
            ReadOnlyError: Nothing may be changed here.
            MissingError: There is none of that name.
        """
        self._require_writable()
        return self._deletions.delete(name)

    def undelete(self, name: str) -> None:
        """Bring a deleted collection back.

        Raises:
            ReadOnlyError: Nothing may be changed here.
            MissingError: It is gone by now.
        """
        self._require_writable()
        self._deletions.undelete(name)

    def deleted(self) -> list[Deleted]:
        """What can be brought back, the latest first."""
        return self._deletions.all()

    def belongings(self, name: str) -> Belongings:
        """What people made of a collection, which goes with it."""
        return self._deletions.belongings(name)

    def remove_overdue(self) -> None:
        """Remove what was deleted more than a day ago."""
        if self._deletions.overdue():
            from ingest.jobs.lifetime import remove_overdue

            self._let_go()
            remove_overdue(self._settings, self._catalog)
