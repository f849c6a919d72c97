// Controls of the sample browser: selects, buttons, pages and keys. Each of them calls `change` of browser.js.
"use strict";

async function step(by) {
  const ids = await load("ids");
  const now = state.image ? listed.indexOf(ids.indexOf(state.image)) : (state.page - 1) * PAGE - (by > 0 ? 1 : 0);
  const next = listed[now + by];
  if (next !== undefined) change({image: ids[next]});
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const drawn = [...controls.elements.draw.options].map((o) => o.value);
  const act = {
    j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1),
    n: () => toPage(state.page + 1), p: () => toPage(state.page - 1),
    x: () => change({a: state.b, b: state.a}), Escape: () => change({image: ""}),
    d: () => change({draw: drawn[(drawn.indexOf(state.draw) + 1) % drawn.length]}),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function addOption(select, value, words) {
  const option = make("option", words);
  option.value = value;
  select.append(option);
}

function fillControls() {
  for (const side of ["a", "b"]) {
    addOption(controls.elements[side], "", side === "a" ? "references only" : "none");
    for (const name of index.systems) addOption(controls.elements[side], name, name);
  }
  for (const filter of index.filters) {
    const label = make("label", `${filter.name} `), select = label.appendChild(make("select"));
    select.name = filter.name;
    addOption(select, "", "any");
    for (const value of filter.values) addOption(select, value, value);
    byId("clear").before(label);
  }
  controls.addEventListener("change", ({target}) => {
    const ofFilter = index.filters.some((f) => f.name === target.name);
    const filters = {...state.filters};
    if (ofFilter && target.value) filters[target.name] = target.value;
    else delete filters[target.name];
    change(ofFilter ? {filters, page: 1, image: ""} : {[target.name]: target.value, ...(target.name === "sort" ? {page: 1, image: ""} : {})});
  });
  byId("clear").addEventListener("click", () => {
    change({filters: {}, page: 1});
    byId("more").querySelector("summary").focus(); // the clear button is about to be disabled
  });
  byId("swap").addEventListener("click", () => change({a: state.b, b: state.a}));
  find.addEventListener("submit", (event) => {
    event.preventDefault();
    change({image: find.elements.id.value.trim()});
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
}

function showControls(a, b) {
  for (const key of ["a", "b", "sort", "against", "draw"]) controls.elements[key].value = state[key];
  for (const filter of index.filters) controls.elements[filter.name].value = state.filters[filter.name] ?? "";
  for (const option of controls.elements.sort.options)
    option.disabled = (/^(up|down|gap|a-)/.test(option.value) && a < 0) || (/^(up|down|gap|b-)/.test(option.value) && b < 0);
  const filtered = Object.entries(state.filters).map(([name, value]) => `${name}: ${value}`);
  byId("filtered").textContent = filtered.join(", ");
  byId("clear").disabled = !filtered.length;
}

function drawPagers(pages) {
  for (const pager of document.querySelectorAll(".pager")) {
    const focused = pager.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
    let keep = null; // the pressed button keeps the focus; if it becomes disabled, an enabled one gets it
    const button = (words, label, page) => {
      const made = make("button", words);
      Object.assign(made, {type: "button", disabled: page < 1 || page > pages || page === state.page});
      made.setAttribute("aria-label", label);
      if (label === focused) keep = made;
      made.addEventListener("click", () => toPage(page));
      return made;
    };
    pager.replaceChildren(
      button("«", "first page", 1), button("‹", "previous page", state.page - 1),
      make("span", `page ${state.page.toLocaleString("en")} of ${pages.toLocaleString("en")}`),
      button("›", "next page", state.page + 1), button("»", "last page", pages));
    (keep?.disabled ? pager.querySelector("button:enabled") : keep)?.focus({preventScroll: true});
  }
}

function toPage(page) {
  if (page < 1 || page > Math.ceil(listed.length / PAGE)) return;
  change({page, image: ""});
  byId("top").scrollIntoView({block: "start", behavior: "instant"});
}
