// What pages cannot do without a script: go on by a form, and change while one looks at them.

document.querySelector("form[data-submit]")?.requestSubmit();

const live = document.querySelector("[data-events]");
if (live) {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("part", (event) => update(live, event.data));
  source.addEventListener("reload", () => {
    source.close();
    location.reload();
  });
}

// Touches only what differs, so that focus and selection stay where they are.
function update(parent, html) {
  const wanted = [...new DOMParser().parseFromString(html, "text/html").body.children];
  const ids = new Set(wanted.map((element) => element.id));
  for (const old of [...parent.children]) if (!ids.has(old.id)) old.remove();
  wanted.forEach((element, index) => {
    const old = document.getElementById(element.id);
    const focused = old?.contains(document.activeElement) ? document.activeElement.id : "";
    if (!old || old.outerHTML !== element.outerHTML) {
      if (old) old.replaceWith(element);
      else parent.insertBefore(element, parent.children[index] ?? null);
      if (focused) document.getElementById(focused)?.focus();
    }
  });
}
