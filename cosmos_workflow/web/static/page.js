// What HTMX has no attribute for: a dropped clip, a remedy's button, copying.
"use strict";

const PIECE = 8 * 1024 * 1024;
const RETRIES = [500, 1000, 2000, 4000, 8000]; // ms, while the line is broken

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Refused extends Error {}

async function ask(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: json ? { "content-type": "application/json" } : {},
    body: json ? JSON.stringify(body) : body,
  });
  const told = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Refused([told.where, told.what, told.remedy].filter(Boolean).join(": ") || response.statusText);
  }
  return told;
}

async function upload(file, heard) {
  let state = await ask("POST", "/uploads", { name: file.name, size: file.size });
  for (let broken = 0; !state.media;) {
    heard(state.offset / file.size);
    try {
      const piece = file.slice(state.offset, state.offset + PIECE);
      state = await ask("PATCH", `/uploads/${state.id}?offset=${state.offset}`, piece);
      broken = 0;
    } catch (error) {
      if (error instanceof Refused || broken === RETRIES.length) throw error;
      await pause(RETRIES[broken++]);
      state = await ask("GET", `/uploads/${state.id}`).catch(() => state);
    }
  }
  heard(1);
  return state.media;
}

function choose(media) {
  const list = byId("video");
  let option = [...list.options].find((one) => one.value === media.id);
  if (!option) {
    option = new Option(`${media.name} (${media.width}×${media.height})`, media.id);
    list.add(option, 1);
  }
  option.selected = true;
  list.dispatchEvent(new Event("change", { bubbles: true }));
}

async function take(file) {
  const bar = byId("sending");
  const problem = byId("upload-problem");
  problem.hidden = true;
  bar.hidden = false;
  try {
    choose(await upload(file, (share) => { bar.value = share; }));
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  bar.hidden = true;
}

const drop = byId("drop");
if (drop) {
  byId("file").addEventListener("change", (event) => {
    event.stopPropagation();
    if (event.target.files.length) take(event.target.files[0]);
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
    });
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.set) {
    const field = button.closest("form").elements[button.dataset.set];
    if (field) {
      field.value = button.dataset.value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
  if (button.dataset.copy !== undefined) {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  }
});

// What was unfolded stays so when its part of the page comes anew.
let unfolded = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  unfolded = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) byId(id)?.setAttribute("open", "");
});

// A refusal is shown where its answer would have been.
document.addEventListener("htmx:responseError", (event) => {
  let told = {};
  try { told = JSON.parse(event.detail.xhr.responseText); } catch { /* no Problem */ }
  const line = document.createElement("p");
  line.className = "problem";
  line.setAttribute("role", "alert");
  line.textContent = [told.what || `the server answers ${event.detail.xhr.status}`, told.remedy].filter(Boolean).join("; ");
  event.detail.target.prepend(line);
});

// What was typed while the scripts were still on their way is searched too.
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("input[type=search]")) {
    if (field.value !== field.defaultValue) field.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
