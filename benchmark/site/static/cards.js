// Draws one image as a card: its picture with its boxes on top, and a table with the captions of the boxes.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function make(tag, words = "", className = "") {
  const element = document.createElement(tag);
  if (words) element.textContent = words;
  if (className) element.className = className;
  return element;
}

function shape(tag, attributes, words = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (words) element.textContent = words;
  return element;
}

// A caption drawn in its box as large as fits, vertically in a box at least twice as high as wide.
function written(caption, x, y, width, height) {
  const letters = [...caption].slice(0, 60).map((c) => (invisible(c) ? "□" : c));
  const group = shape("g", {class: "written"});
  group.append(shape("rect", {x, y, width, height}));
  const upright = height >= 2 * width && letters.length > 1;
  const ems = upright ? 1 : letters.reduce((sum, c) => sum + (c.codePointAt(0) < 0x2e80 ? 0.6 : 1), 0);
  const size = Math.min(0.86 * (upright ? height / letters.length : height), (0.94 * width) / Math.max(1, ems));
  const lines = upright ? letters : [letters.join("")];
  lines.forEach((line, k) => group.append(shape("text", {
    x: x + width / 2, y: y + height / 2 + (k - (lines.length - 1) / 2) * size * 1.02, "font-size": size,
    "text-anchor": "middle", "dominant-baseline": "central",
  }, line)));
  return group;
}

function picture(image, view) {
  const [, , , width, height] = image.row;
  const frame = make("div", "", "picture");
  if (image.source) {
    const img = make("img");
    Object.assign(img, {src: image.source, alt: `picture of ${image.row[0]}`, loading: "lazy", width, height});
    frame.append(img);
  }
  const overlay = shape("svg", {viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true"});
  const badge = 0.05 * Math.max(width, height);
  if (view.draw !== "none")
    image.row[5].forEach(([x1, y1, x2, y2], k) => {
      const [x, y, w, h] = [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height].map((v) => v / 1000);
      const group = shape("g", {class: image.fits[k] ? "box fit" : "box", "data-box": k});
      const caption = {reference: image.row[6], a: image.a, b: image.b}[view.draw];
      if (caption && caption[k] !== null) group.append(written(caption[k], x, y, w, h));
      group.append(shape("rect", {class: "outline", x, y, width: w, height: h}));
      const top = y >= badge ? y - badge : y;
      group.append(shape("rect", {class: "badge", x, y: top, width: badge, height: badge}));
      group.append(shape("text", {class: "badge", x: x + badge / 2, y: top + badge / 2, "font-size": 0.8 * badge,
        "text-anchor": "middle", "dominant-baseline": "central"}, String(k)));
      overlay.append(group);
    });
  frame.append(overlay);
  return frame;
}

function captionCell(text, other, reference) {
  const cell = make("td"), box = make("div", "", "caption");
  box.lang = "zh-Hans";
  if (!text) box.append(make("i", "empty"));
  appendCaption(box, text, other);
  cell.append(box);
  if (reference !== undefined && text === reference) box.append(make("span", " ✓", "good"));
  return cell;
}

function captionTable(image, view, names) {
  const table = make("table"), head = make("thead").appendChild(make("tr"));
  const told = image.row[6].some((reference) => reference !== null); // false where references are withheld
  for (const words of ["box", ...(told ? ["reference"] : []), ...names]) {
    const header = head.appendChild(make("th"));
    header.scope = "col";
    header.append(make("bdi", words));
  }
  const body = make("tbody");
  image.row[6].forEach((reference, k) => {
    const line = body.appendChild(make("tr", "", image.fits[k] ? "fit" : ""));
    line.dataset.box = k;
    line.append(make("td", String(k), "place"));
    if (told) line.append(captionCell(reference, null));
    const against = (other) => (view.against === "other" ? (other ? other[k] : null) : reference);
    if (image.a) line.append(captionCell(image.a[k], against(image.b), reference));
    if (image.b) line.append(captionCell(image.b[k], against(image.a), reference));
  });
  table.append(head.parentNode, body);
  return table;
}

function scoreLine(image, labels) {
  const line = make("p", "", "scores");
  const shown = (value) => (value === null || value === undefined ? "-" : (value / 10).toFixed(1));
  labels.forEach((label, k) => line.append(make("span", `${label} ${shown(image.scores[k])}`), " "));
  if (labels.length === 2 && image.scores.every((v) => typeof v === "number")) {
    const gap = (image.scores[0] - image.scores[1]) / 10;
    line.append(make("span", `A − B ${gap > 0 ? "+" : gap < 0 ? "−" : ""}${Math.abs(gap).toFixed(1)}`));
  }
  if (labels.length) line.prepend(make("span", "CIDEr", "soft"), " ");
  return line;
}

// image: {row, source, a, b, scores, fits, category, href}; view: state of the page; names: names of the two systems.
function card(image, view, names) {
  const [id, title, attributes] = image.row;
  const article = make("article", "", "card"), header = make("header");
  article.tabIndex = -1;
  article.dataset.image = id;
  const heading = header.appendChild(make("h2"));
  const link = heading.appendChild(make("a"));
  link.href = image.href;
  link.title = "address of this image";
  appendCaption(link, id);
  header.append(scoreLine(image, [...(image.a ? ["A"] : []), ...(image.b ? ["B"] : [])]));
  const words = make("div", "", "words"), info = make("p", "", "info");
  info.lang = "zh-Hans";
  appendCaption(info.appendChild(make("b")), title);
  info.append(" ");
  appendCaption(info.appendChild(make("span")), attributes);
  if (image.category) info.append(" ", make("span", image.category, "tag"));
  const columns = [...(image.a ? [`A: ${names[0]}`] : []), ...(image.b ? [`B: ${names[1]}`] : [])];
  words.append(info, captionTable(image, view, columns));
  article.append(header, picture(image, view), words);
  const light = (event) => {
    const k = event.type === "mouseover" ? event.target.closest("[data-box]")?.dataset.box : undefined;
    for (const part of article.querySelectorAll("[data-box]")) part.classList.toggle("lit", part.dataset.box === k);
  };
  article.addEventListener("mouseover", light);
  article.addEventListener("mouseleave", light);
  return article;
}
