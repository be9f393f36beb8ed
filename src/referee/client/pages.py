"""Lists that come in pages: iterate over one and the next page is fetched when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from referee.client.calls import Call, Steps, read
from referee.client.transport import AsyncSession, Session
from referee.client.types import PageBody, Pagination

Item = TypeVar("Item", bound=BaseModel)

PAGE_SIZE = 100


@dataclass(frozen=True)
class Listing(Generic[Item]):
    """What is listed: where, in which order, which of them, and what an item is."""

    path: str
    item: type[Item]
    page: int = 1
    page_size: int = PAGE_SIZE
    sort: str | None = None
    filter: Mapping[str, Any] | None = None

    def fetch(self) -> Steps[PageBody[Item]]:
        """The page, as an operation."""
        query: dict[str, str | int | None] = {"page": self.page, "page_size": self.page_size, "sort": self.sort}
        query |= {f"filter[{name}]": str(value) for name, value in (self.filter or {}).items()}
        call = Call("GET", self.path, query)
        answer = yield call
        return read(call, answer, PageBody[self.item].model_validate_json)


class _Page(Generic[Item]):
    """What both kinds of page know."""

    def __init__(self, listing: Listing[Item], body: PageBody[Item]) -> None:
        self._listing = listing
        self.data = body.data
        self.pagination: Pagination | None = body.pagination
        self.sort = body.sort

    def has_next_page(self) -> bool:
        """Whether another page follows this one."""
        return bool(self.data) and self.pagination is not None and self.pagination.page < self.pagination.total_pages

    def _next(self) -> Listing[Item]:
        assert self.pagination is not None
        return replace(self._listing, page=self.pagination.page + 1)

    def __len__(self) -> int:
        """How many items this page has."""
        return len(self.data)

    def __repr__(self) -> str:
        place = f"page {self.pagination.page} of {self.pagination.total_pages}" if self.pagination else "one page"
        return f"<{place}: {len(self.data)} of {self._listing.item.__name__}>"


class Page(_Page[Item]):
    """A page of a list. Iterating over it goes on into the pages that follow."""

    def __init__(self, session: Session, listing: Listing[Item], body: PageBody[Item]) -> None:
        super().__init__(listing, body)
        self._session = session

    def get_next_page(self) -> Page[Item]:
        """The page after this one; see `has_next_page`."""
        return fetch(self._session, self._next())

    def iter_pages(self) -> Iterator[Page[Item]]:
        """This page and all that follow."""
        page = self
        while True:
            yield page
            if not page.has_next_page():
                return
            page = page.get_next_page()

    def __iter__(self) -> Iterator[Item]:
        for page in self.iter_pages():
            yield from page.data


class AsyncPage(_Page[Item]):
    """A page of a list. Iterating over it with `async for` goes on into the pages that follow."""

    def __init__(self, session: AsyncSession, listing: Listing[Item], body: PageBody[Item]) -> None:
        super().__init__(listing, body)
        self._session = session

    async def get_next_page(self) -> AsyncPage[Item]:
        """The page after this one; see `has_next_page`."""
        return await AsyncPages(self._session, self._next())

    async def iter_pages(self) -> AsyncIterator[AsyncPage[Item]]:
        """This page and all that follow."""
        page = self
        while True:
            yield page
            if not page.has_next_page():
                return
            page = await page.get_next_page()

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.iter_pages():
            for item in page.data:
                yield item


class AsyncPages(Generic[Item]):
    """A list that was asked for: `await` it for its first page, or iterate over all items with `async for`."""

    def __init__(self, session: AsyncSession, listing: Listing[Item]) -> None:
        self._session = session
        self._listing = listing

    def __await__(self) -> Generator[Any, None, AsyncPage[Item]]:
        return self._fetch().__await__()

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for item in await self:
            yield item

    async def _fetch(self) -> AsyncPage[Item]:
        return AsyncPage(self._session, self._listing, await self._session.run(self._listing.fetch()))


def fetch(session: Session, listing: Listing[Item]) -> Page[Item]:
    """The page that a listing names."""
    return Page(session, listing, session.run(listing.fetch()))
