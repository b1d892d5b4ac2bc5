"""What agents may ask. Each tool is a question that the other routes answer too, by the same parameters and limits.

Nothing here changes anything. It does not know the protocol's wire.
"""

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import Field, ValidationError
from starlette.requests import Request

from search_ui.routes.admission.asker import asker
from search_ui.routes.agents.replies import (
    CalendarReply,
    CollectionsReply,
    EvaluationReply,
    GroundReply,
    PlaceReply,
    SearchReply,
)
from search_ui.routes.lanes import Lane, Lanes
from search_ui.routes.parameters import CalendarParameters, GroundParameters, PlaceParameters, SearchParameters
from search_ui.search.relevance.calibration import WEAK
from search_ui.service.extras import advice
from search_ui.service.service import Service
from search_ui.truth.evaluation import Plan, evaluate_truth
from search_ui.truth.objects import Objects, read_objects
from trainer.errors import AreaError, GroundcastError, ItemError, UsageError

T = TypeVar("T")
_PHOTO_PX = 384
_MOST_PICTURES = 9

Words = Annotated[str, Field(description="What one would see on the ground there, in a few English words.")]
CollectionChoice = Annotated[str | None, Field(description="Name of a collection; may be left out where there is one.")]
Moment = Annotated[
    str | None,
    Field(description="2025-07-14T18, 2025-07 or T18: wall-clock time at the place; without it at any time."),
]
NamedArea = Annotated[str | None, Field(description="Only in this town, country, or at these coordinates.")]
Box = Annotated[str | None, Field(description="Only in this box: W,S,E,N in degrees; may cross ±180.")]
Near = Annotated[str | None, Field(description="Only in this disc: LAT,LON,KM.")]
Unlike = Annotated[list[str], Field(description="Away from this.")]


class Tools:
    """The tools, over one service.

    Args:
        service: Knows the answers.
        lanes: Where they are made, those of the other routes.
    """

    def __init__(self, service: Service, lanes: Lanes) -> None:
        self._service, self._lanes = service, lanes

    async def collections(self, ctx: Context) -> CollectionsReply:
        """List what can be searched here."""
        return await self._made(ctx, "fast", lambda: CollectionsReply.of(self._service.collections()))

    async def search(
        self, text: Words, ctx: Context, collection: CollectionChoice = None, when: Moment = None,
        place: NamedArea = None, bbox: Box = None, near: Near = None, unlike: Unlike = [],  # noqa: B006 - of a schema
        k: Annotated[int, Field(ge=1, le=100, description="How many hits.")] = 9,
        min_relevance: Annotated[float, Field(ge=0, le=1, description="Hits have at least this relevance.")] = WEAK,
    ) -> SearchReply:  # fmt: skip
        """Find places by what one would see on the ground there, at a moment; or learn that there are none then."""

        def answer() -> SearchReply:
            asked = SearchParameters.model_validate(
                {"collection": self._chosen(collection), "q": text, "when": when, "place": place, "bbox": bbox,
                 "near": near, "negative": unlike, "k": k, "min_relevance": min_relevance}
            )  # fmt: skip
            found = self._service.search(asked.collection, asked.asked(self._service))
            return SearchReply.of(found, self._service.engine.provenance(asked.collection))

        return await self._made(ctx, "fast", answer)

    async def ground(
        self, ctx: Context, collection: CollectionChoice = None,
        tile: Annotated[str | None, Field(description="Id of a tile, from a hit.")] = None,
        at: Annotated[str | None, Field(description="Or a place in it, such as 43.1,-165.0.")] = None,
        when: Moment = None,
        gallery: Annotated[str | None, Field(description="Whose photos; may be left out.")] = None,
        k: Annotated[int, Field(ge=1, le=100, description="How many photos.")] = 5,
        pictures: Annotated[bool, Field(description=f"Also the pictures, {_MOST_PICTURES} at most.")] = False,
    ) -> Annotated[CallToolResult, GroundReply]:  # fmt: skip
        """Show what one would see in a tile at a moment: ground photos that look most like it."""

        def answer() -> CallToolResult:
            asked = GroundParameters.model_validate(
                {
                    "collection": self._chosen(collection),
                    "tile": tile,
                    "at": at,
                    "when": when,
                    "gallery": gallery,
                    "k": k,
                }
            )
            view = self._service.look(asked.collection, asked.query(), asked.gallery)
            reply = GroundReply.of(view, self._service.engine.provenance(asked.collection))
            content: list[ContentBlock] = [TextContent(type="text", text=reply.model_dump_json())]
            for photo in reply.photos[:_MOST_PICTURES] if pictures else ():
                content.append(self._picture(view.gallery, photo.photo_id))
            return CallToolResult(content=content, structured_content=reply.model_dump(mode="json"))

        return await self._made(ctx, "pictures" if pictures else "fast", answer)

    async def calendar(
        self, text: Words, ctx: Context, collection: CollectionChoice = None, place: NamedArea = None,
        bbox: Box = None, near: Near = None,
        year: Annotated[int | None, Field(ge=1, le=9999, description="Of the moments; this year if missing.")] = None,
    ) -> CalendarReply:  # fmt: skip
        """Tell in which months and at which hours one would see something in an area."""

        def answer() -> CalendarReply:
            asked = CalendarParameters.model_validate(
                {"collection": self._chosen(collection), "q": text, "place": place, "bbox": bbox, "near": near,
                 "year": year}
            )  # fmt: skip
            service, query = self._service, asked.query(self._service)
            made = service.calendar(asked.collection, query, year=asked.year, top=asked.top)
            note = service.engine.caution(service.tiles(asked.collection))
            likeliest = service.likeliest(asked.collection, query)
            provenance = service.engine.provenance(asked.collection)
            return CalendarReply.of(made, likeliest, query.as_dict(), note, provenance)

        return await self._made(ctx, "heavy", answer)

    async def places(
        self, name: Annotated[str, Field(description="A town, a country, or coordinates.")], ctx: Context
    ) -> PlaceReply:
        """Tell what the name of a place means, and the box round it."""
        return await self._made(
            ctx, "fast", lambda: PlaceReply.of(self._service.place(PlaceParameters(name=name).name))
        )

    async def evaluate(
        self, text: Words, ctx: Context,
        truth: Annotated[
            str,
            Field(description="What is known to be there: text of a GeoJSON FeatureCollection of polygons or points."),
        ],
        collection: CollectionChoice = None, when: Moment = None, place: NamedArea = None, bbox: Box = None,
        near: Near = None,
    ) -> EvaluationReply:  # fmt: skip
        """Measure how well a question finds what is known to be there: within the area, else the box of the truth."""

        def answer() -> EvaluationReply:
            asked = SearchParameters.model_validate(
                {"collection": self._chosen(collection), "q": text, "when": when, "place": place, "bbox": bbox,
                 "near": near}
            )  # fmt: skip
            query, engine = asked.asked(self._service), self._service.engine
            plan = Plan(
                collection=asked.collection, texts={None: text}, truth="the truth given", when=query.when,
                area=query.area,
            )  # fmt: skip
            result = evaluate_truth(engine, plan, _objects(truth))
            return EvaluationReply.of(result, query.as_dict(), engine.provenance(asked.collection))

        return await self._made(ctx, "heavy", answer)

    def _picture(self, gallery: str, photo_id: str) -> ContentBlock:
        """A photo, or in its place a sentence why there is none: the answer is worth something without it."""
        try:
            data = base64.b64encode(self._service.photo(gallery, photo_id, px=_PHOTO_PX)).decode()
        except ItemError as error:
            return TextContent(type="text", text=f"photo {photo_id}: {error}")
        return ImageContent(type="image", data=data, mime_type="image/webp")

    def _chosen(self, collection: str | None) -> str:
        """The collection that is asked.

        Raises:
            UsageError: None is named, and there is not just one.
        """
        if collection is not None:
            return collection
        have = list(self._service.searchable())
        if len(have) != 1:
            raise UsageError(f"name a collection: there are {', '.join(have) or 'none yet'}")
        return have[0]

    async def _made(self, ctx: Context, lane: Lane, answer: Callable[[], T]) -> T:
        """An answer, made in a lane in its turn.

        Raises:
            ToolError: What cannot be answered, in a sentence that the agent reads.
        """
        request: Any = ctx.request_context.request
        who = asker(request) if isinstance(request, Request) else ""

        def requested() -> T:
            with self._service.request():
                return answer()

        try:
            return await self._lanes.run(lane, requested, who=who)
        except GroundcastError as error:
            raise ToolError(str(error)) from error
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
            raise ToolError(told) from error
        except ModuleNotFoundError as error:
            if (advised := advice(error)) is None:
                raise
            raise ToolError(advised) from error


def _objects(truth: str) -> Objects:
    """The objects of a FeatureCollection, which comes as text: as a part of the message it would be too deep.

    Raises:
        AreaError: It is none, or cannot be read.
        UsageError: It holds no polygon and no point.
    """
    try:
        read = json.loads(truth)
    except (ValueError, RecursionError) as error:
        raise AreaError(f"truth is no JSON ({error}): give the text of a GeoJSON FeatureCollection") from error
    features = read.get("features") if isinstance(read, dict) and read.get("type") == "FeatureCollection" else None
    if not isinstance(features, list):
        raise AreaError("truth is no GeoJSON FeatureCollection: give polygons or points as one")
    # geometries alone, written anew: what reads files tells formats by their content, and some name other files
    plain: list[dict[str, Any]] = [
        {"type": "Feature", "properties": {}, "geometry": one.get("geometry") if isinstance(one, dict) else None}
        for one in features
    ]
    collection = {"type": "FeatureCollection", "features": plain} | _reference_system(read)
    with tempfile.TemporaryDirectory(prefix="groundcast-truth-") as folder:
        path = Path(folder) / "truth.geojson"
        path.write_text(json.dumps(collection), "utf-8")
        try:
            return read_objects(path)
        except GroundcastError as error:
            raise type(error)(str(error).replace(f"'{path}'", "truth")) from error


def _reference_system(read: dict[str, Any]) -> dict[str, Any]:
    """The member that names a reference system, as GeoJSON of 2008 had it; without it, coordinates would lie elsewhere.

    Raises:
        AreaError: It says it otherwise than by a name.
    """
    match read.get("crs"):
        case None:
            return {}
        case {"properties": {"name": str(name)}}:
            return {"crs": {"type": "name", "properties": {"name": name}}}
    raise AreaError(
        "truth says its reference system (crs) otherwise than by a name: give longitude and latitude in degrees"
    )
