// Shows captions as text nodes: differences are marked, and invisible characters are shown as code points, so that an
// untrusted caption can neither hide anything, reverse the line, nor act as markup.
"use strict";

const MAX_CELLS = 250000; // largest table below, which bounds the time for untrusted texts

// For each character of `mine`, whether it is part of the longest common subsequence with `other` (two arrays).
function inCommon(mine, other) {
  if (mine.length * other.length > MAX_CELLS) return mine.map((c, i) => c === other[i]);
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

const invisible = (c) => /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u.test(c);
const codePoint = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// Appends a caption to an element, and marks characters outside its longest common subsequence with `other` (or null).
function appendCaption(element, text, other = null) {
  const characters = [...text];
  const common = other === null ? null : inCommon(characters, [...other]);
  let i = 0;
  while (i < characters.length) {
    const odd = invisible(characters[i]), extra = common !== null && !common[i];
    let end = i + 1;
    while (!odd && end < characters.length && !invisible(characters[end]) && (common !== null && !common[end]) === extra) end++;
    const piece = document.createElement(extra ? "mark" : "span");
    piece.textContent = odd ? codePoint(characters[i]) : characters.slice(i, end).join("");
    if (odd) piece.classList.add("chip");
    element.append(piece);
    i = end;
  }
}
