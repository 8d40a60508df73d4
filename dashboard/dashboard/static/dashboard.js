// Times and shortcuts of the dashboard's pages. Elements <time class="rt-ago" data-at="SECONDS"> get a text such as "3 minutes ago".
(() => {
  const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat("en", {numeric: "always"});

  const describe = (seconds) => {
    const age = Date.now() / 1000 - seconds;
    if (Math.abs(age) < 10) return "just now";
    const [unit, length] = units.find(([, each]) => Math.abs(age) >= each);
    return words.format(-Math.trunc(age / length), unit);
  };
  const show = (element) => {
    const seconds = Number(element.dataset.at);
    const text = seconds ? describe(seconds) : "never";
    if (element.textContent !== text) element.textContent = text;
    const title = seconds ? new Date(seconds * 1000).toLocaleString() : "";
    if (element.title !== title) element.title = title;
  };
  const showAll = () => document.querySelectorAll("time.rt-ago").forEach(show);
  setInterval(showAll, 10000);
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") show(change.target);
      else for (const node of change.addedNodes) {
        if (node.nodeType !== 1) continue;
        if (node.matches("time.rt-ago")) show(node);
        node.querySelectorAll("time.rt-ago").forEach(show);
      }
    }
  }).observe(document.documentElement, {childList: true, subtree: true, attributes: true, attributeFilter: ["data-at"]});

  const isTyping = (element) => element?.closest?.("input, textarea, select, [contenteditable=true], .cm-editor");
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const search = document.querySelector("input.rt-search-input");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  const copyByHand = (text, place) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    place.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy;
    // Browsers offer the clipboard to pages over HTTPS and on this machine only.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyByHand(text, button.parentElement);
    Quasar.Notify.create({message: "Copied", position: "bottom", timeout: 1200, group: "copied"});
  });
})();
