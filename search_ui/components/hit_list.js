// The answer as a list that can be walked with the arrow keys. All text goes in as text, never as markup.
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".hits");
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  };
  const items = data.hits.map((hit) => {
    const item = make("li", `hit ${hit.grade}`);
    item.tabIndex = -1;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", hit.id === data.chosen);
    item.setAttribute("aria-label", `${hit.rank}. ${hit.title}. ${hit.grade}, relevance ${hit.relevance}. ${hit.place}`);
    const picture = make("img");
    picture.src = hit.image;
    picture.alt = hit.alt;
    picture.loading = "lazy";
    const text = make("div", "text");
    const head = make("div", "head");
    const rank = make("span", "rank", hit.rank);
    head.append(rank, make("span", "title", hit.title));
    const meter = make("div", "meter");
    const fill = make("span", "fill");
    fill.style.width = `${Math.round(100 * Number(hit.relevance))}%`;
    meter.append(fill);
    const grade = make("div", "grade");
    grade.title = data.help;
    grade.append(make("b", null, hit.grade), make("span", null, ` · relevance ${hit.relevance} · cosine ${hit.cosine}`));
    text.append(head, grade, meter, make("div", "place", hit.place));
    item.append(picture, text);
    if (data.votes) {
      const votes = make("div", "votes");
      for (const [sign, vote, name] of [["👍", 1, "more like this"], ["👎", -1, "less like this"]]) {
        const button = make("button", null, sign);
        button.type = "button";
        button.title = name;
        button.setAttribute("aria-label", `${name}: ${hit.rank}. ${hit.title}`);
        button.setAttribute("aria-pressed", hit.vote === vote);
        button.onclick = (event) => {
          event.stopPropagation();
          setTriggerValue("voted", { id: hit.id, vote: hit.vote === vote ? 0 : vote });
        };
        votes.append(button);
      }
      item.append(votes);
    }
    item.onclick = () => setTriggerValue("chosen", hit.id);
    return item;
  });
  const focus = (number) => {
    const item = items[Math.max(0, Math.min(items.length - 1, number))];
    items.forEach((other) => (other.tabIndex = -1));
    item.tabIndex = 0;
    item.focus();
  };
  list.replaceChildren(...items);
  if (items.length) items[Math.max(0, data.hits.findIndex((hit) => hit.id === data.chosen))].tabIndex = 0;
  list.onkeydown = (event) => {
    const at = items.indexOf(event.target.closest("li"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) focus(to);
    else if (event.key === "Enter" && event.target === items[at]) setTriggerValue("chosen", data.hits[at].id);
    else return;
    event.preventDefault();
  };
}
