// The sample browser. Its state is kept in the address; its data are scripts that are loaded when needed:
//
//   index: images, shard, systems, filters [{name, of, values, codes}], boxes; rows/<n>, captions/<k>/<n>, scores/<k>, ids
//
// Every change takes the same way: state -> address -> matching images in order -> cards of one page.
"use strict";

const PAGE = 12; // images per page
const FIRST_CODE = 35; // as in benchmark/site/browser.py
const FIXED = ["a", "b", "sort", "against", "draw", "page", "image"];
const byId = (id) => document.getElementById(id);
const store = new Map(), loading = new Map();
const controls = byId("controls"), find = byId("find");

function caponimage(key, value) { store.set(key, value); }

function load(key) {
  if (!loading.has(key))
    loading.set(key, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `data/${key}.js`;
      script.onload = () => { script.remove(); resolve(store.get(key)); };
      script.onerror = () => { loading.delete(key); reject(new Error(`data/${key}.js cannot be read; keep the folder of the site together`)); };
      document.head.append(script);
    }));
  return loading.get(key);
}

let index, starts, state = {}, listed = [], drawing = 0;

// State and address

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const next = {a: index.systems[0] ?? "", b: index.systems[1] ?? "", sort: "", against: "", draw: "", page: 1, image: "", filters: {}};
  const unknown = [];
  for (const [key, value] of given) {
    const filter = index.filters.find((f) => f.name === key);
    if (key === "page") next.page = Math.max(1, parseInt(value, 10) || 1);
    else if (key === "a" || key === "b") {
      if (value === "" || index.systems.includes(value)) next[key] = value;
      else unknown.push(`system ${value}`);
    } else if (FIXED.includes(key)) {
      const options = controls.elements[key] && [...controls.elements[key].options].map((o) => o.value);
      if (!options || options.includes(value)) next[key] = value;
      else unknown.push(`${key} ${value}`);
    } else if (filter) {
      if (filter.values.includes(value)) next.filters[key] = value;
      else unknown.push(`${key} ${value}`);
    }
  }
  trouble(unknown.length ? `Not here: ${unknown.join(", ")}` : "");
  return next;
}

function address(from) {
  const words = new URLSearchParams();
  for (const key of ["a", "b"]) words.set(key, from[key]);
  for (const key of ["sort", "against", "draw"]) if (from[key]) words.set(key, from[key]);
  for (const [name, value] of Object.entries(from.filters)) words.set(name, value);
  if (from.image) words.set("image", from.image);
  else if (from.page > 1) words.set("page", from.page);
  return `#${words}`;
}

function change(changes) {
  state = {...state, ...changes};
  location.replace(address(state)); // so that steps do not fill the browser's history
  trouble("");
  draw();
}

// Which images, in which order

const system = (side) => index.systems.indexOf(state[side]);

function fitting(i) { // for each box of an image, whether it matches the filters; null if the image does not match
  const chosen = index.filters.filter((f) => f.name in state.filters);
  const ofBoxes = chosen.filter((f) => f.of === "box");
  const fits = (f, place) => f.codes.charCodeAt(place) - FIRST_CODE === f.values.indexOf(state.filters[f.name]);
  if (!chosen.every((f) => f.of === "box" || fits(f, i))) return null;
  const boxes = [];
  for (let box = starts[i]; box < starts[i + 1]; box++) boxes.push(ofBoxes.every((f) => fits(f, box)));
  if (ofBoxes.length && !boxes.includes(true)) return null;
  return ofBoxes.length ? boxes : boxes.fill(false);
}

function inOrder(a, b) {
  const images = Array.from({length: index.images}, (_, i) => i).filter((i) => fitting(i));
  const score = (scores, i) => scores[i] ?? NaN;
  const by = {
    up: a && b && ((i) => score(b, i) - score(a, i)),
    down: a && b && ((i) => score(a, i) - score(b, i)),
    gap: a && b && ((i) => -Math.abs(score(a, i) - score(b, i))),
    "a-low": a && ((i) => score(a, i)), "a-high": a && ((i) => -score(a, i)),
    "b-low": b && ((i) => score(b, i)), "b-high": b && ((i) => -score(b, i)),
  }[state.sort];
  if (!by) return images;
  const keys = new Map(images.map((i) => [i, by(i)]));
  const last = (v) => (Number.isNaN(v) ? Infinity : v);
  return images.sort((i, j) => { const [x, y] = [last(keys.get(i)), last(keys.get(j))]; return x === y ? i - j : x - y; });
}

// Drawing

async function draw() {
  const mine = ++drawing;
  const [a, b] = [system("a"), system("b")];
  try {
    const scores = await Promise.all([a, b].map((k) => (k < 0 ? null : load(`scores/${k}`))));
    listed = inOrder(...scores);
    let chosen = -1;
    if (state.image) {
      const ids = await load("ids");
      chosen = listed.indexOf(ids.indexOf(state.image));
      if (chosen < 0)
        trouble(ids.includes(state.image) ? `Image ${state.image} does not fit the filters; clear them to see it.` : `There is no image ${state.image} here.`);
    }
    const pages = Math.max(1, Math.ceil(listed.length / PAGE));
    state.page = chosen >= 0 ? Math.floor(chosen / PAGE) + 1 : Math.min(state.page, pages);
    const images = listed.slice((state.page - 1) * PAGE, state.page * PAGE);
    const data = await Promise.all(images.map(async (i) => {
      const shard = Math.floor(i / index.shard), place = i % index.shard;
      const [rows, ...captions] = await Promise.all([
        load(`rows/${shard}`), ...[a, b].map((k) => (k < 0 ? null : load(`captions/${k}/${shard}`)))]);
      return {
        row: rows[place], a: captions[0]?.[place], b: captions[1]?.[place], fits: fitting(i), category: category(i),
        scores: scores.filter(Boolean).map((s) => s[i]), source: index.pictures ? `images/${shard}/${place}.webp` : "",
        href: address({...state, image: rows[place][0]}),
      };
    }));
    if (mine !== drawing) return;
    byId("cards").replaceChildren(...data.map((image) => card(image, state, [state.a, state.b])));
    if (!images.length) byId("cards").append(make("p", "No image has a box like this.", "lead"));
    byId("count").textContent = `${listed.length.toLocaleString("en")} of ${index.images.toLocaleString("en")} images`;
    drawPagers(pages);
    showControls(a, b);
    if (chosen >= 0) choose(byId("cards").children[chosen % PAGE]);
    document.body.dataset.drawn = String(mine); // tests wait for this
  } catch (error) {
    trouble(error.message);
  }
}

function category(i) {
  const filter = index.filters.find((f) => f.name === "category");
  return filter ? filter.values[filter.codes.charCodeAt(i) - FIRST_CODE] : "";
}

function choose(article) {
  article.classList.add("current");
  article.setAttribute("aria-current", "true");
  if (controls.contains(document.activeElement)) return; // a control in use keeps the focus
  article.focus({preventScroll: true});
  article.scrollIntoView({block: "start", behavior: "instant"});
}

function trouble(words) {
  byId("trouble").textContent = words;
  byId("trouble").hidden = !words;
}

// Start

async function start() {
  try { index = await load("index"); } catch (error) { trouble(error.message); return; }
  starts = [0];
  for (let i = 0; i < index.images; i++) starts.push(starts[i] + index.boxes.charCodeAt(i) - FIRST_CODE);
  fillControls();
  byId("more").open = matchMedia("(min-width: 48rem)").matches;
  for (const part of [controls, byId("top"), byId("bottom")]) part.hidden = false;
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => {
    if (location.hash === address(state)) return;
    state = readAddress();
    draw();
  });
  state = readAddress();
  draw();
}

start();
