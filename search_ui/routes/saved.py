"""Routes of saved searches: save, list, ask again with what is new since, delete."""

from typing import Annotated, Any

from pydantic import Field

from ingest.catalog.saved_searches import MAX_NAME_CHARS, SavedSearch
from search_ui.routes.answers import found_document
from search_ui.routes.endpoint import Endpoint, Made, as_json
from search_ui.routes.parameters import Name, Nothing, Parameters, Search
from search_ui.search.query import rfc3339
from search_ui.service.answers import PAGE
from search_ui.service.service import Service
from trainer.errors import UsageError


class NewSearch(Search):
    """A search to be saved."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)] = Field(description="What to call it.")


class SearchId(Parameters):
    """A saved search."""

    search_id: Name = Field(description="Its id.")


def question_of(saved: SavedSearch) -> Search:
    """The question of a saved search.

    Raises:
        UsageError: It was saved by another version, and cannot be understood.
    """
    question = {name: value for name, value in saved.question.items() if name != PAGE}
    try:
        return Search.model_validate(question | {"collection": saved.collection})
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


def _save(service: Service, asked: NewSearch) -> Made:
    asked.asked(service)  # what cannot be asked is not saved
    question = asked.model_dump(exclude={"name", "collection"}, exclude_defaults=True)
    return as_json(say(service.save(asked.name, asked.collection, question)))


def _list(service: Service, _: Nothing) -> Made:
    return as_json({"searches": [say(saved) for saved in service.saved_searches.all()]})


def _replay(service: Service, asked: SearchId) -> Made:
    saved = service.saved_searches.get(asked.search_id)
    replay = service.replay(saved.id, question_of(saved).asked(service))
    new = {"tiles": replay.new_tiles, "hits": [hit.as_dict() for hit in replay.new_hits]}
    document = {"saved": say(saved), "new_since": new} | found_document(service, saved.collection, replay.found)
    return as_json(document, service.attribution(saved.collection))


def _delete(service: Service, asked: SearchId) -> Made:
    service.forget(asked.search_id)
    return as_json({"deleted": asked.search_id})


ENDPOINTS = (
    Endpoint(path="/api/searches", summary="Saved searches", parameters=Nothing, work=_list),
    Endpoint(path="/api/searches", summary="Save a search", parameters=NewSearch, work=_save, method="POST"),
    Endpoint(
        path="/api/searches/{search_id}",
        summary="Ask a saved search again, and what has come since the last time",
        parameters=SearchId,
        work=_replay,
    ),
    Endpoint(
        path="/api/searches/{search_id}",
        summary="Delete a saved search",
        parameters=SearchId,
        work=_delete,
        method="DELETE",
    ),
)
