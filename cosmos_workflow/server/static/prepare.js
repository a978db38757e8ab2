// The tab Prepare: a folder goes up as one file, and sliders write words into their fields.
"use strict";

const form = byId("prepare");
const endings = form.dataset.endings.split(" ");  // the server's

// A folder as the server takes it: a line, the names and sizes as JSON, and the files' bytes.
function packed(files, name) {
  const list = JSON.stringify(files.map(([path, file]) => [path, file.size]));
  return new File(["COSMOS FOLDER 1\n", list, "\n", ...files.map(([, file]) => file)], name);
}

function choose(source, name) {
  form.elements.source.value = source;
  form.elements.shown.value = "";
  byId("called").textContent = name;
  byId("chosen").hidden = !source;
  history.replaceState(null, "", source ? `?source=${encodeURIComponent(source)}` : "/prepare");
  htmx.trigger(form, "checked");
}

function say(text, bad) {
  const line = byId("sending-note");
  line.textContent = text;
  line.hidden = !text;
  line.className = bad ? "problem" : "reason";
}

async function take(all) {
  // A path begins with a folder; loose files get one.
  const files = all.filter(([path]) => endings.some((ending) => path.toLowerCase().endsWith(ending)) && !path.split("/").some((part) => part.startsWith(".")))
    .map(([path, file]) => [path.includes("/") ? path : `images/${path}`, file]);
  if (!files.length) {
    say("no images and no videos are in it", true);
    return;
  }
  const name = files[0][0].split("/")[0];
  const bar = byId("sending");
  const others = all.length - files.length;
  say(others ? `not sent, as no image and no video: ${others} ${others === 1 ? "file" : "files"}` : "", false);
  bar.hidden = false;
  bar.value = 0;
  try {
    const media = await upload(packed(files, name), (share) => { bar.value = share; });
    choose(media.id, media.name);
  } catch (error) {
    say(error instanceof Refused ? error.message : "the server does not answer, or a file cannot be read: drop the folder again", true);
  } finally {
    bar.hidden = true;
  }
}

for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, async (event) => {
    if (![...event.dataTransfer?.types ?? []].includes("Files")) return;
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take(await filesOf(event.dataTransfer));
  });
}

for (const id of ["folder", "files"]) {
  byId(id).addEventListener("change", (event) => {
    event.stopPropagation();
    take([...event.target.files].map((file) => [file.webkitRelativePath || file.name, file]));
    event.target.value = "";
  });
}

byId("there").addEventListener("change", (event) => {
  event.stopPropagation();
  const option = event.target.selectedOptions[0];
  if (option.value) choose(option.value, option.text);
  event.target.selectedIndex = 0;
});

// A slider's places are words, which its field holds; a field with other words leaves the slider where it is.
for (const slider of document.querySelectorAll("[data-words]")) {
  const words = slider.dataset.words.split(" ");
  const field = form.elements[slider.dataset.field];
  const show = () => { slider.setAttribute("aria-valuetext", words[slider.value]); };
  slider.addEventListener("input", () => {
    field.value = words[slider.value];
    show();
  });
  field.addEventListener("input", () => {
    if (words.includes(field.value)) slider.value = words.indexOf(field.value);
    show();
  });
  show();
}

document.addEventListener("DOMContentLoaded", () => {
  byId("chosen").hidden = !form.elements.source.value;
  htmx.trigger(form, "checked");
});
