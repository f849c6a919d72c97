// The review: one picture at a time, and answers that stay in this browser until they are saved as a file.
// Only the picture that is shown has elements, and each picture has its own entry in localStorage, so that a key press
// takes as long with 20,000 pictures as with two. All texts from outside become text nodes, never markup.
"use strict";

const STORE = "caponimage-review";
const CANNOT_KEEP = "This browser keeps no answers: save them before you close the page.";
const MAX_TEXT = 200; // as in answers.py
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800\ufff0-\ufffb\u{13430}-\u{1343f}\u{16fe4}\u{1d159}]/gu;
const byId = (id) => document.getElementById(id);
const rows = () => [...byId("captions").children];
const field = (k) => rows()[k].querySelector("input");
const say = (text) => tell("said", text);

let asked = null; // what questions.js holds
let total = 0, answered = 0; // captions of all pictures
let reviewer = "", current = 0, active = 0; // the picture and the caption that are looked at
let answers = []; // picture -> caption -> null, [verdict], or ["keep", text] with a text that was corrected
let past = []; // what undoing restores: the pictures that changed, with their answers before
const pictures = new Map(); // those near the current one, so that they are there when they are needed

function tell(id, text) {
  byId(id).textContent = text;
  byId(id).hidden = !text;
}

// --- What is kept in this browser ---

const entry = (i) => `${STORE} ${asked.review} ${i} ${reviewer}`;

function recall(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { tell("trouble", CANNOT_KEEP); return null; }
}

function store(key, value) {
  try {
    if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, JSON.stringify(value));
  } catch { tell("trouble", CANNOT_KEEP); }
}

function recalled(i) {
  const kept = recall(entry(i));
  return asked.images[i].captions.map((caption, k) => checked(caption, ...(Array.isArray(kept?.[k]) ? kept[k] : [])));
}

// --- Answers ---

// The form that importing gives a text; keep in step with normalise.py.
function normalised(text) {
  for (let before = null; before !== text;) {
    before = text;
    text = [...text].filter((character) => !asked.deleted.includes(character)).join("");
    text = text.normalize("NFKC").replace(/\s/gu, "").replace(INVISIBLE, "").normalize("NFKC");
  }
  return text;
}

// Why importing would refuse a text, in words; keep in step with text_problem in select.py.
function problem(typed, caption) {
  const text = normalised(typed), length = [...text].length, {min_length: min, max_length: max} = asked;
  if (typed === caption.read || text === caption.read) return "";
  if (length < min || length > max)
    return `This is too ${length < min ? "short" : "long"}: drop it, or make it ${min} to ${max} characters.`;
  const wrong = asked.require_chinese && !/[\u4e00-\u9fff]/.test(text) ? "no Chinese character"
    : !asked.allow_latin && /[A-Za-z\u00c0-\u024f]/.test(text) ? "a Latin letter"
    : !asked.allow_digits && /\p{Nd}/u.test(text) ? "a digit"
    : [...asked.refused].some((character) => text.includes(character)) ? `one of ${asked.refused}`
    : asked.watermarks.includes(text) ? "only a watermark" : "";
  return wrong && `This has ${wrong}, so it cannot be a caption: drop it, or correct it.`;
}

// An answer as it stands in `answers`; null if it can be none.
function checked(caption, verdict, text = caption.read) {
  if (!asked.verdicts.includes(verdict)) return null;
  if (verdict !== "keep" || text === caption.read) return [verdict];
  if (typeof text !== "string" || problem(text, caption)) return null;
  return normalised(text) === caption.read ? [verdict] : [verdict, normalised(text)];
}

const unanswered = (i) => answers[i].flatMap((given, k) => (given ? [] : [k]));
const shownText = (i, k) => answers[i][k]?.[1] ?? asked.images[i].captions[k].read;

function put(i, given) { // the only place where answers change
  answered += given.filter(Boolean).length - answers[i].filter(Boolean).length;
  answers[i] = given;
  store(entry(i), given.some(Boolean) ? given : null);
}

function change(changes, k) {
  past.push({at: [current, k], before: changes.map(([i]) => [i, answers[i]])});
  changes.forEach(([i, given]) => put(i, given));
}

function undo() {
  const last = past.pop();
  if (!last) return say("There is nothing to undo.");
  last.before.forEach(([i, given]) => put(i, given));
  show(...last.at);
}

function answer(k, verdict, moveOn = true) {
  const caption = asked.images[current].captions[k], finished = !unanswered(current).length;
  if (!caption) return goOn(); // a picture without captions
  const given = checked(caption, verdict, field(k).value);
  if (!given) return moveOn ? refuse(k) : warn(k);
  change([[current, answers[current].map((other, n) => (n === k ? given : other))]], k);
  field(k).value = shownText(current, k);
  const left = unanswered(current), last = k === answers[current].length - 1;
  if (!moveOn) select(active, false);
  else if (left.length) select(left.find((n) => n > k) ?? left[0]);
  else if (finished && !last) select(k + 1); // somebody who changes answers looks at the whole picture again
  else goOn();
}

function answerAll(verdict) {
  let stopped = -1;
  const given = answers[current].map((before, k) => {
    if (before && verdict === "keep") return before;
    const now = checked(asked.images[current].captions[k], verdict, field(k).value);
    if (!now && stopped < 0) stopped = k;
    return now;
  });
  if (given.some((now, k) => now !== answers[current][k])) change([[current, given]], active);
  if (stopped >= 0) refuse(stopped); else goOn();
}

function refuse(k) { // the warning stands beside the field
  select(k);
  edit();
}

function goOn() {
  if (current + 1 < answers.length) return show(current + 1);
  show(current, active);
  byId("help").open = false;
  scrollTo({top: 0, behavior: "instant"}); // to what is said there, and to the button that saves
  if (answered < total) say("This was the last picture. The key f goes to the first one that is not finished.");
}

// --- What is seen ---

function show(i, k = null) {
  current = Math.min(Math.max(i, 0), answers.length - 1);
  const image = asked.images[current], picture = pictureOf(current);
  say("");
  byId("split").textContent = image.split;
  byId("title").textContent = image.title;
  byId("attributes").textContent = image.attributes;
  byId("picture").replaceChildren(picture, ...image.captions.map((caption, n) => frame(caption, n)));
  byId("captions").replaceChildren(...image.captions.map((caption, n) => row(caption, n)));
  const canvases = rows().map((shown) => shown.querySelector("canvas")), late = !picture.complete;
  picture.decode().then(() => {
    canvases.forEach((canvas, n) => crop(canvas, picture, image.captions[n].box));
    if (late && picture.isConnected) reveal(); // only now the picture has its height
  }, () => tell("trouble", `${image.picture} cannot be read; it belongs into the folder of this page.`));
  for (const n of pictures.keys()) if (n < current - 1 || n > current + 2) pictures.delete(n);
  [1, 2].filter((n) => current + n < answers.length).forEach((n) => pictureOf(current + n));
  byId("review").scrollIntoView({behavior: "instant", block: "start"});
  select(k ?? unanswered(current)[0] ?? 0);
}

function pictureOf(i) {
  const image = asked.images[i];
  if (!pictures.has(i)) pictures.set(i, Object.assign(new Image(...image.size), {src: image.picture, alt: "picture"}));
  return pictures.get(i);
}

function frame({box: [left, top, right, bottom]}, k) {
  const shown = document.createElement("div"), number = document.createElement("span");
  const [x, y, width, height] = [left, top, right - left, bottom - top].map((share) => `${100 * share}%`);
  shown.className = top < 0.05 ? "frame high" : "frame";
  Object.assign(shown.style, {left: x, top: y, width, height}); // a style attribute would break the policy
  number.textContent = k + 1;
  shown.append(number);
  shown.onclick = () => select(k);
  return shown;
}

function row(caption, k) {
  const shown = byId("question").content.firstElementChild.cloneNode(true), i = current;
  const part = (selector) => shown.querySelector(selector), input = part("input");
  input.maxLength = MAX_TEXT;
  shown.ariaLabel = `Caption ${k + 1} of ${asked.images[i].captions.length}: ${caption.read}`;
  part(".number").textContent = k + 1;
  part("canvas").ariaLabel = `Caption ${k + 1}, enlarged`;
  input.ariaLabel = `Text of caption ${k + 1}`;
  input.value = shownText(i, k);
  input.setAttribute("aria-describedby", part(".warning").id = `warning-${k}`);
  part(".second").hidden = caption.second === null || caption.second === caption.read;
  part(".second b").textContent = caption.second || "nothing";
  part(".confidence").textContent = `confidence ${caption.confidence.toFixed(2)}`;
  if (caption.likelihood !== null)
    part(".likelihood").textContent = `language-model score ${caption.likelihood.toFixed(2).replace("-", "−")}`;
  shown.querySelectorAll("button").forEach((button) => { button.onclick = () => answer(k, button.dataset.verdict); });
  shown.addEventListener("focusin", () => { if (active !== k) select(k, false); });
  shown.onclick = (event) => { if (!event.target.closest("button, input")) select(k); };
  input.oninput = (event) => { if (!event.isComposing) warn(k); }; // half a syllable of pinyin is no mistake
  input.addEventListener("compositionend", () => warn(k));
  // Whoever leaves a field with another text meant it; without this it would be lost with the picture.
  input.onchange = () => { if (i === current && input.value !== shownText(i, k)) answer(k, "keep", false); };
  return shown;
}

function crop(canvas, picture, box) {
  const sides = [picture.naturalWidth, picture.naturalHeight];
  let [x1, y1, x2, y2] = box.map((share, n) => share * sides[n % 2]);
  const margin = 0.2 * Math.min(x2 - x1, y2 - y1);
  [x1, y1] = [x1, y1].map((low) => Math.max(0, low - margin));
  [x2, y2] = [x2, y2].map((high, n) => Math.min(sides[n], high + margin));
  const scale = Math.min(720 / (x2 - x1), 128 / (y2 - y1)); // twice what is shown, for fine screens
  [canvas.width, canvas.height] = [x2 - x1, y2 - y1].map((length) => Math.max(1, Math.round(length * scale)));
  canvas.getContext("2d").drawImage(picture, x1, y1, x2 - x1, y2 - y1, 0, 0, canvas.width, canvas.height);
}

function warn(k) {
  const shown = rows()[k], input = shown.querySelector("input"), warning = shown.querySelector(".warning");
  const words = problem(input.value, asked.images[current].captions[k]);
  [warning.textContent, warning.hidden] = [words, !words];
  input.ariaInvalid = String(Boolean(words));
}

function select(k, focus = true) {
  active = Math.min(Math.max(k, 0), Math.max(rows().length - 1, 0));
  rows().forEach((shown, n) => {
    const verdict = answers[current][n]?.[0] ?? "";
    shown.dataset.verdict = verdict;
    shown.ariaCurrent = n === active ? "true" : null;
    shown.querySelectorAll("button").forEach((b) => { b.ariaPressed = String(b.dataset.verdict === verdict); });
    document.querySelectorAll(".frame")[n].classList.toggle("active", n === active);
    warn(n);
  });
  const count = (number) => number.toLocaleString("en");
  byId("place").textContent = `picture ${count(current + 1)} of ${count(answers.length)}, `
    + `${count(answered)} of ${count(total)} captions answered`;
  byId("progress").value = answered;
  byId("done").hidden = answered < total;
  byId("undo").disabled = !past.length;
  byId("previous").disabled = current === 0;
  byId("next").disabled = current === answers.length - 1;
  if (!focus) return;
  rows()[active]?.focus({preventScroll: true}); // not on a button: Enter would press it again
  reveal();
}

function reveal() {
  rows()[active]?.scrollIntoView({behavior: "instant", block: "nearest"});
}

// --- Files ---

function save() {
  const given = asked.images.flatMap((image, i) => image.captions.flatMap(({line, read}, k) => {
    const [verdict, text = read] = answers[i][k] ?? [];
    return verdict ? [{image_id: image.id, sha256: image.sha256, line, read, verdict, ...(verdict === "keep" && {text})}] : [];
  }));
  const content = {format: asked.format, reviewer, review: asked.review, answers: given};
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${JSON.stringify(content, null, 1)}\n`], {type: "application/json"}));
  link.download = `answers-${reviewer.replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "_")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`${link.download} is saved, with ${given.length} of ${total} answers.`);
}

async function load(file) {
  let content = null;
  try { content = JSON.parse(await file.text()); } catch { /* the next line says what is wrong */ }
  const wrong = (why) => tell("trouble", `${file.name} was not loaded: ${why}.`);
  if (content?.format !== asked.format || !Array.isArray(content.answers))
    return wrong("it is no file of answers that this page has saved");
  if (content.review !== asked.review) return wrong("it belongs to other pictures or captions than these");
  if (content.reviewer !== reviewer)
    return wrong(`it has the answers of ${String(content.reviewer).slice(0, 60)}; first change the reviewer's name`);
  const places = new Map(asked.images.map((image, i) => [image.id, i])), changed = new Map();
  let loaded = 0;
  for (const one of content.answers) {
    const i = places.get(one?.image_id), captions = asked.images[i]?.captions ?? [];
    const k = captions.findIndex(({line, read}) => line === one.line && read === one.read);
    const given = k < 0 ? null : checked(captions[k], one.verdict, one.text);
    if (!given) continue;
    if (!changed.has(i)) changed.set(i, [...answers[i]]);
    changed.get(i)[k] = given;
    loaded += 1;
  }
  tell("trouble", "");
  change([...changed], active);
  show(current);
  const unknown = content.answers.length - loaded;
  say(`${loaded} answers are loaded.${unknown ? ` ${unknown} were left out: no such caption, or no such answer.` : ""}`);
}

// --- Keys and the start ---

const KEYS = new Map(Object.entries({
  "ArrowDown j": () => select(active + 1), "ArrowUp k": () => select(active - 1),
  "ArrowRight n": () => show(current + 1), "ArrowLeft b": () => show(current - 1),
  "Enter Space 1": () => answer(active, "keep"), "2 d": () => answer(active, "drop"),
  "3 p": () => answer(active, "product"), a: () => answerAll("keep"), x: () => answerAll("drop"),
  "u z": undo, f: firstUnfinished, s: save, e: edit,
}).flatMap(([keys, act]) => keys.split(" ").map((key) => [key, act])));

function firstUnfinished() {
  show(Math.max(0, answers.findIndex((given) => given.includes(null))));
}

function edit() {
  if (!rows().length) return;
  field(active).focus();
  field(active).setSelectionRange(MAX_TEXT, MAX_TEXT); // the end
}

function onKey(event) {
  if (event.isComposing || event.keyCode === 229 || byId("review").hidden) return; // an input method has the key
  const {target, key} = event, typing = target.matches("input");
  const undoing = (event.ctrlKey || event.metaKey) && !event.shiftKey && key.toLowerCase() === "z" && !typing;
  if (!undoing && (event.ctrlKey || event.altKey || event.metaKey)) return;
  if (typing) {
    if (key === "Enter") answer(active, "keep");
    else if (key === "Escape") {
      target.value = shownText(current, active);
      select(active);
    } else return;
  } else if (target.matches("button, summary") && (key === "Enter" || key === " ")) return;
  else {
    const act = KEYS.get(key === " " ? "Space" : key.length === 1 ? key.toLowerCase() : key);
    if (!act) return;
    if (!event.repeat || key.startsWith("Arrow")) act(); // a key held down must not answer what nobody has seen
  }
  event.preventDefault();
}

function begin(name) {
  [reviewer, past] = [name, []];
  store(`${STORE} reviewer`, name);
  answers = asked.images.map((image, i) => recalled(i));
  answered = answers.flat().filter(Boolean).length;
  byId("reviewer").textContent = name;
  started(true);
  byId("help").open = !answered;
  firstUnfinished();
}

function started(yes) {
  byId("who").hidden = yes;
  for (const part of ["reviewing", "help", "review"]) byId(part).hidden = !yes;
  document.querySelector(".files").hidden = !yes;
  if (yes) byId("name").blur(); // a field that is hidden would take the next keys
  else byId("name").focus();
}

function questions(content) { // called by questions.js
  asked = content;
  total = asked.images.reduce((sum, image) => sum + image.captions.length, 0);
  byId("collection").textContent = asked.name;
  byId("progress").max = Math.max(total, 1);
  if (!total) return tell("trouble", "There is nothing to review.");
  const visible = (name) => name.normalize("NFC").replace(INVISIBLE, "").trim();
  byId("name").maxLength = asked.max_name;
  byId("name").value = visible(String(recall(`${STORE} reviewer`) ?? ""));
  byId("who").onsubmit = (event) => {
    event.preventDefault();
    const name = visible(byId("name").value);
    tell("trouble", name ? "" : "Please enter a name.");
    if (name === reviewer && name) started(true); else if (name) begin(name);
  };
  document.addEventListener("keydown", onKey);
  const clicks = {
    rename: () => started(false), load: () => byId("file").click(), save, undo,
    drop: () => answerAll("drop"), keep: () => answerAll("keep"),
    previous: () => show(current - 1), next: () => show(current + 1),
  };
  for (const [id, act] of Object.entries(clicks)) byId(id).onclick = act;
  byId("file").onchange = async () => {
    if (byId("file").files.length) await load(byId("file").files[0]);
    byId("file").value = ""; // so that the same file can be loaded again
  };
  const start = () => { if (byId("name").value) begin(byId("name").value); else started(false); };
  // A field that is drawn before its font is there keeps empty boxes for some characters in Chromium.
  document.fonts.load("1rem 'CapOnImage Chinese'", "中").then(start, start);
}

addEventListener("DOMContentLoaded", () => {
  if (!asked) tell("trouble", "questions.js cannot be read; it belongs into the folder of this page.");
});
