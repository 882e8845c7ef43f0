// What pages cannot do without a script: go on by a form, and change while one looks at them.

document.querySelector("form[data-submit]")?.requestSubmit();

const live = document.querySelector("[data-events]");
if (live) {
  const source = new EventSource(live.dataset.events);
  let waits = false;
  source.addEventListener("part", (event) => {
    update(live, event.data);
    const next = live.querySelector("[data-preload]")?.dataset.preload;
    // Who waits so long will wait a little longer; before, loading would only be in the way.
    if (next && !waits) waits = Boolean(setTimeout(() => preload(next), 1000));
  });
  source.addEventListener("reload", () => {
    source.close();
    location.reload();
  });
}

// Loads into the browser's cache what the page that comes next is made of.
async function preload(next) {
  try {
    const answer = await fetch(next);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const element of page.querySelectorAll("script[type=module], link[rel=stylesheet]")) {
      const url = element.getAttribute("src") || element.getAttribute("href");
      if (url) (await fetch(new URL(url, answer.url), { priority: "low" })).body.pipeTo(new WritableStream());
    }
  } catch {
    // The page loads it itself.
  }
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
