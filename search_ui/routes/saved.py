"""Routes of saved searches: save, list, ask again with what is new since, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field

from ingest.catalog.saved_searches import MAX_NAME_CHARS, SavedSearch
from search_ui.routes.answers import found_document
from search_ui.routes.exchange import CurrentExchange, MeasuredRoute, in_lane
from search_ui.routes.parameters import MOST_HITS, NothingElse, SearchParameters
from search_ui.search.query import rfc3339
from search_ui.service.answers import PAGE
from trainer.errors import UsageError

router = APIRouter(route_class=MeasuredRoute)
SearchId = Annotated[str, Path(max_length=200, description="Id of a saved search.")]


class NewSearchParameters(SearchParameters):
    """A search to be saved."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)] = Field(description="What to call it.")


def question_of(saved: SavedSearch) -> SearchParameters:
    """The question of a saved search.

    Raises:
        UsageError: It was saved by another version, and cannot be understood.
    """
    question = {name: value for name, value in saved.question.items() if name != PAGE}
    # the app lists more places than one answer over HTTP holds
    if isinstance(count := question.get("k"), int):
        question["k"] = min(count, MOST_HITS)
    try:
        return SearchParameters.model_validate(question | {"collection": saved.collection})
    except ValueError as error:
        raise UsageError(f"the saved search {saved.name!r} cannot be understood any more: save it anew") from error


def say(saved: SavedSearch) -> dict[str, Any]:
    """A saved search in JSON types."""
    return {
        "id": saved.id,
        "name": saved.name,
        "collection": saved.collection,
        "question": saved.question,
        "created_at": rfc3339(saved.created_at),
        "asked_at": rfc3339(saved.asked_at),
    }


@router.get("/api/searches")
@in_lane("fast")
def saved_searches(exchange: CurrentExchange, _: NothingElse) -> Response:
    """Saved searches."""
    return exchange.json({"searches": [say(saved) for saved in exchange.service.saved_searches.all()]})


@router.post("/api/searches")
@in_lane("fast")
def save(exchange: CurrentExchange, asked: NewSearchParameters, _: NothingElse) -> Response:
    """Save a search."""
    asked.asked(exchange.service)  # what cannot be asked is not saved
    question = asked.model_dump(exclude={"name", "collection"}, exclude_defaults=True)
    return exchange.json(say(exchange.service.save(asked.name, asked.collection, question)))


@router.get("/api/searches/{search_id}")
@in_lane("fast")
def replay(exchange: CurrentExchange, search_id: SearchId, _: NothingElse) -> Response:
    """Ask a saved search again, and what has come since the last time."""
    service = exchange.service
    saved = service.saved_searches.get(search_id)
    asked = question_of(saved)
    replayed = service.replay(saved.id, asked.asked(service), asked.feedback(service, saved.collection))
    new = {"tiles": replayed.new_tiles, "hits": [hit.as_dict() for hit in replayed.new_hits]}
    document = {"saved": say(saved), "new_since": new} | found_document(service, saved.collection, replayed.found)
    return exchange.json(document, service.attribution(saved.collection))


@router.delete("/api/searches/{search_id}")
@in_lane("fast")
def delete(exchange: CurrentExchange, search_id: SearchId, _: NothingElse) -> Response:
    """Delete a saved search."""
    exchange.service.forget(search_id)
    return exchange.json({"deleted": search_id})
