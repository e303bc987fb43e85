"""The six places of a workspace and their pages: the navigation at the side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.urls import reverse

from dashboard.shared import counts
from dashboard.shared.page_request import PageRequest
from workspaces.access import Need


@dataclass(frozen=True, slots=True)
class Page:
    """`route`: the name of its address. `key`: what a person types after g. `count`, `counted`: the count that is shown, and what it counts.
    `need`: what one must be allowed to see it."""

    name: str
    route: str
    key: str = ""
    count: str = ""
    counted: str = ""
    need: Need = Need.VIEW


@dataclass(frozen=True, slots=True)
class Place:
    """Its address is that of its first page. `symbol`: of the sprite."""

    name: str
    symbol: str
    pages: tuple[Page, ...]


PLACES = (
    Place("Overview", "overview", (Page("Overview", "workspace", "o"),)),
    Place(
        "Backlog",
        "backlog",
        (
            Page("Entries", "entries", "e", "open_entries", "not done"),
            Page("Plans", "goal", "p", need=Need.OPERATE),
            Page("Triggers", "triggers"),
            Page("Locks", "locks", "l", "locked_paths", "locked paths"),
        ),
    ),
    Place("Sessions", "sessions", (Page("At work", "workers", "w", "at_work", "at work"), Page("Hosts", "hosts", "h"))),
    Place("Landing", "landing", (Page("Landing", "landing", "m", "queued_landings", "in the queue"),)),
    Place(
        "Money",
        "money",
        (
            Page("Budget", "budget", "b"),
            Page("Insight", "insight", "i"),
            Page("Ledger", "ledger", "d"),
            Page("Reviews", "reviews", "r", "reviews_waiting", "wait for you"),
        ),
    ),
    Place(
        "Settings",
        "settings",
        (
            Page("General", "settings", "s"),
            Page("Config", "settings-config"),
            Page("People", "members"),
            Page("Agents", "agent"),
            Page("Notices", "notices"),
            Page("Executor", "executor-page", "x"),
            Page("Activity", "activity", "a"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Link:
    """`current`: `page` for the page itself, `true` for what contains it, else empty."""

    page: Page
    address: str
    current: str
    count: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A place in the navigation. `first`: the link of the place itself. `links`: its pages, where it has several."""

    place: Place
    first: Link
    links: list[Link] = field(default_factory=list)


def shown(page_request: PageRequest, *, with_counts: bool = True) -> Iterator[Shown]:
    """The places, with where the person is."""
    here = page_request.request.path
    addresses = {page.route: reverse(page.route, args=[page_request.workspace.pk]) for place in PLACES for page in place.pages}
    nearest = max((address for address in addresses.values() if here.startswith(address)), key=len)
    numbers: Mapping[str, str] = {
        page.count: counts.text(page_request.at_work if page.count == "at_work" else page_request.counted(page.count))
        for place in PLACES
        for page in place.pages
        if page.count and with_counts
    }
    for place in PLACES:
        links = []
        for page in place.pages:
            if not page_request.may(page.need):
                continue
            address = addresses[page.route]
            current = "" if address != nearest else "page" if address == here else "true"
            count = numbers.get(page.count, "")
            links.append(Link(page, address, current, "" if count == "0" else count))
        is_here = any(link.current for link in links)
        single = links[0] if len(links) == 1 else Link(Page(place.name, ""), links[0].address, "true" if is_here else "", "")
        yield Shown(place, single, links if len(links) > 1 else [])
