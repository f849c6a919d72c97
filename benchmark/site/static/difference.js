// Captions as text nodes: what differs is marked, and characters without a shape are shown by their number, so that
// no caption hides anything, turns the line around, or acts.
"use strict";

const MOST_CELLS = 250000; // of the table below: bounds the time for texts of strangers

// Of two arrays of characters: for each of the first, whether it is part of the longest common subsequence.
function inCommon(mine, other) {
  if (mine.length * other.length > MOST_CELLS) return mine.map((c, i) => c === other[i]);
  const width = other.length + 1;
  const best = new Uint16Array((mine.length + 1) * width);
  for (let i = mine.length - 1; i >= 0; i--)
    for (let j = other.length - 1; j >= 0; j--)
      best[i * width + j] = mine[i] === other[j]
        ? best[(i + 1) * width + j + 1] + 1
        : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
  const common = new Array(mine.length).fill(false);
  for (let i = 0, j = 0; i < mine.length && j < other.length; )
    if (mine[i] === other[j]) { common[i] = true; i++; j++; }
    else if (best[(i + 1) * width + j] >= best[i * width + j + 1]) i++;
    else j++;
  return common;
}

const shapeless = (c) => /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u.test(c);
const codePoint = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// Appends a caption to an element; characters that `other` (a text, or null) does not have in order are marked.
function appendCaption(element, text, other = null) {
  const characters = [...text];
  const common = other === null ? null : inCommon(characters, [...other]);
  let i = 0;
  while (i < characters.length) {
    const odd = shapeless(characters[i]), extra = common !== null && !common[i];
    let end = i + 1;
    while (!odd && end < characters.length && !shapeless(characters[end]) && (common !== null && !common[end]) === extra) end++;
    const piece = document.createElement(extra ? "mark" : "span");
    piece.textContent = odd ? codePoint(characters[i]) : characters.slice(i, end).join("");
    if (odd) piece.classList.add("chip");
    element.append(piece);
    i = end;
  }
}
